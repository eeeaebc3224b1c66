"""How numbers of a run are written in sentences. Free of torch."""


def kimg_words(kimg: float) -> str:
    """Write kimg so that a short run's can be told from each other: to the image below 100."""
    return f"{kimg:.1f}" if kimg >= 100 else f"{kimg:.3f}".rstrip("0").rstrip(".")
