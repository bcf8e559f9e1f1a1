"""What people's answers teach, and what knowledge lacks."""
