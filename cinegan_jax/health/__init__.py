"""Signs of a GAN that fails: from signals to alarms, and what an alarm asks for."""
