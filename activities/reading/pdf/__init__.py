"""PDF: words where they are seen, rows and columns where they are drawn or aligned, paragraphs elsewhere."""
