"""What a run looks like to a person: while it goes on (`display`), when it is over (`tables`), on a page (`html`)."""
