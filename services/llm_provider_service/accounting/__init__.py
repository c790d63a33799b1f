"""May they spend it, and what did it cost?"""
