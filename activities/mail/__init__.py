"""Mail: what people are told, and the ports through which it goes."""
