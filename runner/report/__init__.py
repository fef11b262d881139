"""What people are told: tallies and rows as words, lines, tables and a picture. Nothing is printed here."""
