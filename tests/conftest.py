"""What holds for all tests: Hypothesis keeps no deadline, because a loaded machine is no finding."""

from hypothesis import settings

settings.register_profile("stepwell", deadline=None)
settings.load_profile("stepwell")
