"""How is a comparison asked, and what verdict did the text give?"""
