"""What a prompt is given besides the conversation: providers and agent memory."""
