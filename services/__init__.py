"""The reference services. A package, so that no other package of this name shadows it on the path."""
