"""The reference for users, generated from the program itself."""
