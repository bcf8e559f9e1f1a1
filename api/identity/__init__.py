"""Who somebody is, and how they prove it: sign-in, tokens, passwords, sessions by cookie, tries."""
