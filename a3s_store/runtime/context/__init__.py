"""Context of a prompt besides the conversation: context providers and agent memory."""
