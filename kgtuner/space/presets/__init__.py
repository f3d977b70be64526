"""The paper's spaces as data: full.yaml, and reduced.yaml for stage one."""
