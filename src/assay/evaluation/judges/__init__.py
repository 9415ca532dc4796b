"""What a judge's rulings are worth: people's labels, the certificate made of them, corrected rates, audits, probes."""
