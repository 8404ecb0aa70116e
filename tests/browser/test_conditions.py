"""The evaluator of conditions in the browser, on the vectors that hold it together with the server's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.templatetags.static import static

pytestmark = pytest.mark.browser

VECTORS = json.loads((Path(__file__).parents[1] / "surveys" / "condition_vectors.json").read_text("utf-8"))

RUN = """async ([module, vectors]) => {
  const { evaluate, screens, visible } = await import(module);
  const wrong = [];
  for (const vector of vectors.conditions) {
    if (evaluate(vector.condition, vector.answers) !== vector.shown) wrong.push(vector.name);
  }
  for (const vector of vectors.definitions) {
    for (const { answers, screens: expected } of vector.cases) {
      const got = screens(vector.definition, answers);
      const flat = visible(vector.definition, answers);
      if (JSON.stringify(got) !== JSON.stringify(expected) || String(flat) !== String(expected.flat())) {
        wrong.push(`${vector.name} ${JSON.stringify(answers)}: ${JSON.stringify(got)}`);
      }
    }
  }
  return wrong;
}"""


def test_browser_decides_every_condition_as_the_server_does(page_as: Callable[..., Any]) -> None:
    watched = page_as()
    watched.open("/accounts/login/")
    assert watched.page.evaluate(RUN, [static("cx/conditions.js"), VECTORS]) == []
