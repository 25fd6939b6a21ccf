"""What the doctor looks at: one file a family of probes, each with its ailments."""
