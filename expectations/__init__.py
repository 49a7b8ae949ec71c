"""What the law wants of the evidence: policies as data, and expectations that judge tables. Never sees a pixel."""
