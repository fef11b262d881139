"""A batch in the shapes that other programs read: surveyed once, then written part by part."""
