"""Pictures of fronts of several methods: what they attain, names, axes."""

import numpy as np

from archloom.report.autobuild.figures import FrontPanel, attained, unit_fronts_figure


def test_what_a_front_attains_grows_with_latency():
    fronts = [np.array([[0.8, 9.0], [0.7, 5.0]]), np.array([[0.75, 6.0]])]
    reached = attained(fronts, np.array([4.0, 5.0, 6.0, 8.9, 9.0]))
    np.testing.assert_array_equal(
        reached, [[np.nan, 0.7, 0.7, 0.7, 0.8], [np.nan, np.nan, 0.75, 0.75, 0.75]]
    )


def test_the_picture_names_every_method():
    fronts = {
        name: [np.array([[0.7 + 0.01 * i, 5 + i] for i in range(4)])] for name in ("one", "two")
    }
    figure = unit_fronts_figure([FrontPanel(f"panel {i}", fronts) for i in range(4)])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [f"panel {i}" for i in range(4)]
    named = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert named == ["one", "two"]


def test_the_axes_say_what_the_figures_are():
    fronts = {"one": [np.array([[0.9, 2.0], [0.5, -1.0]]), np.array([[0.7, 1.0]])]}
    panel = FrontPanel("gains", fronts, gain="gain", cost="cost", scale=1)
    (axes,) = unit_fronts_figure([panel]).axes
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("gain", "cost")
    assert axes.get_xscale() == "linear" and axes.lines[0].get_ydata().max() <= 0.9
