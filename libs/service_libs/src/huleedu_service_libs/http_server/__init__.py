"""HTTP server on top of uvicorn's protocol: limits, a drain that cuts off no request, and stop signals."""
