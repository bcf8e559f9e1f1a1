"""WhatsApp through ChatFlow (chatflow.kz). It publishes no specification: this follows what it was seen to do."""
