"""What a run looks like to a person: while it goes on (`display`) and when it is over (`tables`)."""
