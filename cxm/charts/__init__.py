"""Charts drawn on the server as SVG, one function per chart.

`paint="css"` draws for pages: shapes carry the classes of cxm.css and follow the theme. `paint="literal"` draws for
PDF, PNG and mail, whose renderers see neither style sheets nor variables: shapes carry colours as attributes.
Charts know nothing of surveys or metrics: they take numbers, units and words, and give safe markup.
"""

from .bars import Column, columns, share_bar
from .distribution import Bar, Tone, distribution
from .emotion import EmotionStep, emotion_lane
from .figures import Unit, figure, figure_with_interval, signed_change
from .heat import HEAT_STEPS, heat_class
from .sparkline import sparkline
from .svg import Paint
from .trend import Note, TrendPoint, trend

__all__ = [
    "HEAT_STEPS",
    "Bar",
    "Column",
    "EmotionStep",
    "Note",
    "Paint",
    "Tone",
    "TrendPoint",
    "Unit",
    "columns",
    "distribution",
    "emotion_lane",
    "figure",
    "figure_with_interval",
    "heat_class",
    "share_bar",
    "signed_change",
    "sparkline",
    "trend",
]
