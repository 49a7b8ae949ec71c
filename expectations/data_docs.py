"""Great Expectations' own pages of the checks, as an option: counts without values, nothing loaded from elsewhere."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult

_FROM_ELSEWHERE = re.compile(
    r"<script.*?</script>|<(link|img|a)\b[^>]*(href|src)=[\"']https?:[^>]*>|url\([\"']?https?:[^)]*\)",
    re.IGNORECASE | re.DOTALL,
)


def data_docs_page(result: ExpectationSuiteValidationResult) -> str:
    """Give the page of one check's result as HTML.

    The result holds counts only (``suite.COUNTS_ONLY``). The hash of the data that the page would show is left out, and
    with it all that the page would fetch: style sheets, scripts, pictures.
    """
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    shown = deepcopy(result)
    for key in ("batch_markers", "batch_spec"):
        shown.meta.pop(key, None)
    html: str = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(shown))
    return _FROM_ELSEWHERE.sub("", html)
