"""Who asks, is it well formed, how do we say the result?"""
