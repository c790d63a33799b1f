"""Essay comparison: how is it asked, and which verdict does the answer give?"""
