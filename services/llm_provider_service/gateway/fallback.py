"""Fallback: asks the candidates of a plan, one after the other, until one answers.

The layers for each candidate, from the outside in: retry( cooldown, slots, breaker( provider ), the request's own
`accept` ); see `target_attempts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from services.llm_provider_service.domain.completion import CompletionAnswer
from services.llm_provider_service.domain.not_sent import GatewayExhausted
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.gateway.error_mapping import refusal
from services.llm_provider_service.gateway.run_state import HungUp, Run
from services.llm_provider_service.gateway.target_attempts import AttemptTools, TargetAttempts
from services.llm_provider_service.routing.candidates import Candidate

TARGET_OF = attrgetter("target")


class Fallback:
    """Turns a plan into an answer or an error."""

    def __init__(self, tools: AttemptTools) -> None:
        self._tools = tools

    async def try_candidates(self, run: Run, candidates: Sequence[Candidate]) -> tuple[CompletionAnswer, Candidate]:
        """Returns the first usable answer and its candidate.

        Raises a `GatewayError` if there is none, or `HungUp` if the caller has disconnected.
        """
        for place, candidate in enumerate(candidates):
            if not self._may_start(run):
                break
            others = tuple(map(TARGET_OF, candidates[place + 1 :]))
            try:
                return await TargetAttempts(self._tools, run, candidate.target, others).ask(), candidate
            except ProviderFailure as failure:
                failure.forget_its_frames()
                run.failures.append((candidate.target, failure))
                if not failure.fails_over:
                    break
        if run.hung_up and not (run.failures and run.failures[-1][1].is_final):
            raise HungUp
        policy = self._tools.policy
        longest_pause = policy.throttle_cap_seconds + policy.minimum_attempt_seconds
        raise refusal(run, retry_after=self._shortest_wait(run, candidates), longest_pause=longest_pause)

    def _may_start(self, run: Run) -> bool:
        policy = self._tools.policy
        enough_time = run.deadline.remaining() >= policy.minimum_attempt_seconds
        return enough_time and run.calls < policy.attempts_per_request and not run.hung_up

    def _shortest_wait(self, run: Run, candidates: Sequence[Candidate]) -> float:
        """Seconds until the first of *candidates*, or of the skipped ones, may be asked, by cooldowns and breakers.

        If the gateway itself is full, it is the time until a gateway slot is expected: free targets do not help then.
        """
        last = run.failures[-1][1] if run.failures else None
        if isinstance(last, GatewayExhausted):
            return last.retry_after or 0.0
        asked_for = {target: failure.retry_after or 0.0 for target, failure in run.failures}
        targets = [candidate.target for candidate in candidates]
        targets += [one.target for one in run.skipped if one.seconds is not None]
        return min(max(asked_for.get(target, 0.0), self._tools.targets.available_in(target)) for target in targets)
