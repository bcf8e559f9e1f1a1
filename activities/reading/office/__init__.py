"""Office documents (OOXML): zip packages of XML parts, read without unpacking to disk and without following links."""
