"""WhatsApp through Meta's Cloud API: https://developers.facebook.com/documentation/business-messaging/whatsapp."""
