"""What touches the world?"""
