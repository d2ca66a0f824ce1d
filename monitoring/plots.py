"""What the dashboard would show of a run, as pictures for the docs."""

import json
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from monitoring.prometheus_server import Prometheus, Series, dashboard_queries

#: Panels of a picture, and its name.
PICTURES = {
    "requests": ["Requests by verdict", "Failed by the relay", "Not failed by the relay"],
    "refreshing": ["Refreshes", "Lease", "Lost answers"],
    "times": ["Store's answers take", "Issuer's answers take", "Waiting time"],
    "store": ["Store calls by script", "Store calls that failed", "Sessions begin and end"],
}
WINDOW = "15s"

mpl.use("svg")
mpl.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "token-relay",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.3,
        # Solid in ten colours, then dashed: no two lines of a picture look alike.
        "axes.prop_cycle": mpl.cycler(linestyle=["-", "--"]) * mpl.rcParams["axes.prop_cycle"],
    }
)


def draw(
    prometheus: Prometheus,
    dashboard: Path,
    folder: Path,
    span: tuple[float, float],
    happened: list[tuple[str, float, float]],
) -> None:
    """One picture for each of PICTURES, and one of the alerts."""
    folder.mkdir(parents=True, exist_ok=True)
    queries = dashboard_queries(dashboard, WINDOW)
    panels = {panel["title"]: panel for panel in json.loads(dashboard.read_text())["panels"]}
    for name, titles in PICTURES.items():
        figure, axes = plt.subplots(len(titles), 1, figsize=(10, 2.6 * len(titles)), sharex=True)
        for axis, title in zip(axes, titles, strict=True):
            legends = [target["legendFormat"] for target in panels[title]["targets"]]
            for query, legend in zip(queries[title], legends, strict=True):
                for series in prometheus.over(query, *span):
                    _line(axis, series, legend, span[0])
            _frame(axis, title, panels[title]["fieldConfig"]["defaults"]["unit"])
            _mark(axis, happened, span[0], with_names=axis is axes[0])
        _save(figure, axes[-1], folder / f"{name}.svg")
    _draw_alerts(prometheus, folder / "alerts.svg", span, happened)


def _line(axis: plt.Axes, series: Series, legend: str, start: float) -> None:
    for label, value in series["metric"].items():
        legend = legend.replace("{{" + label + "}}", value)
    times = [float(time) - start for time, _ in series["values"]]
    axis.plot(times, [float(value) for _, value in series["values"]], label=legend, linewidth=1.2)


def _frame(axis: plt.Axes, title: str, unit: str) -> None:
    units = {
        "µs": "µs",
        "reqps": "requests/s",
        "cps": "calls/s",
        "percentunit": "share",
        "short": f"in {WINDOW}",
    }
    axis.set_title(title, loc="left", fontsize=10)
    axis.set_ylabel(units.get(unit, ""))
    if unit == "µs":
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=0)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def _mark(
    axis: plt.Axes, happened: list[tuple[str, float, float]], start: float, with_names: bool
) -> None:
    for name, begun, over in happened:
        axis.axvspan(begun - start, over - start, color="tab:red", alpha=0.12, linewidth=0)
        if with_names:
            axis.annotate(
                name,
                ((begun + over) / 2 - start, 1.12),
                xycoords=("data", "axes fraction"),
                fontsize=7,
                rotation=12,
                color="tab:red",
            )


def _draw_alerts(
    prometheus: Prometheus,
    file: Path,
    span: tuple[float, float],
    happened: list[tuple[str, float, float]],
) -> None:
    """When each alert was pending, and when it fired."""
    names = sorted({rule["name"] for rule in prometheus.rules() if rule["type"] == "alerting"})
    figure, axis = plt.subplots(figsize=(10, 0.3 * len(names) + 1.5))
    for state, color in (("pending", "tab:orange"), ("firing", "tab:red")):
        for series in prometheus.over(f'ALERTS{{alertstate="{state}"}}', *span):
            times = [float(time) - span[0] for time, _ in series["values"]]
            row = names.index(series["metric"]["alertname"])
            axis.scatter(times, [row] * len(times), color=color, s=14, marker="s")
        axis.scatter([], [], color=color, marker="s", label=state)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(-0.5, len(names) - 0.5)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    _mark(axis, happened, span[0], with_names=True)
    _save(figure, axis, file)


def _save(figure: plt.Figure, last: plt.Axes, file: Path) -> None:
    last.set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
