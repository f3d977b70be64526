"""How much each hyper-parameter mattered in a stage: conditional PED-ANOVA, and fANOVA beside it.

Both come from Optuna. PED-ANOVA asks which hyper-parameters the best trials share, and knows that one may not
apply everywhere; fANOVA asks how much of the variance of the metric one explains alone, by a random forest, and
knows complete tables only: each hyper-parameter is judged among the trials to which it applies, and what it explains
there counts by the part that these trials have in the variance of all.

Sources: Watanabe et al. (2023), https://arxiv.org/abs/2304.10255, with conditions https://arxiv.org/abs/2601.20800;
Hutter et al. (2014), https://proceedings.mlr.press/v32/hutter14.html
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kgtuner.plots.style import (
    PALETTE,
    is_number,
    label,
    measured,
    new_figure,
    notice,
    of_equal_time,
    on_log_scale,
    rounded,
    varied,
)

if TYPE_CHECKING:
    import optuna
    import pandas as pd
    import plotly.graph_objects as go

LEAST = 10
"""Measured trials below which an importance would be chance."""
BEST_SHARE, BEST_LEAST = 0.1, 5
"""PED-ANOVA's best trials: a tenth, or five where that is fewer; half of them at most."""
TREES, DEPTH = 24, 8
FOREST_TRIALS = 200
"""Of more trials fANOVA takes a random sample: its time grows with their square, its answer hardly changes."""


def importances(trials: pd.DataFrame, stage: str) -> pd.DataFrame:
    """The importance of each hyper-parameter that varied among the measured trials of a stage.

    Returns:
        One row a hyper-parameter, the most important first: name, ped_anova and fanova (shares that add up to 1;
        NaN where too few trials have it), n (trials to which it applies). Empty below `LEAST` trials.
    """
    import pandas as pd

    rows = of_equal_time(measured(trials, stage))
    names = varied(rows) if len(rows) >= LEAST else []
    if not names or rows["value"].nunique() < 2:
        return pd.DataFrame({"name": [], "ped_anova": [], "fanova": [], "n": []})
    enough = [name for name in names if rows[name].notna().sum() >= LEAST]
    ped = dict.fromkeys(names, float("nan")) | (_ped_anova(rows, enough) if enough else {})
    fanova = _fanova(rows, names)
    table = pd.DataFrame(
        {
            "name": names,
            "ped_anova": _shares([ped[name] for name in names]),
            "fanova": _shares([fanova[name] for name in names]),
            "n": [int(rows[name].notna().sum()) for name in names],
        }
    )
    return table.sort_values(["ped_anova", "fanova"], ascending=False, kind="stable").reset_index(drop=True)


def importance_figure(table: pd.DataFrame, n_trials: int) -> go.Figure:
    """Bars, the most important hyper-parameter on top.

    Args:
        table: from `importances`.
        n_trials: measured trials of the stage.
    """
    if not len(table):
        return notice(importance_sentence(table, n_trials))
    rows = judged(table).iloc[::-1]
    figure = new_figure(x="importance", height=116 + 34 * len(rows))
    names = [label(_title(name, n, n_trials)) for name, n in zip(rows["name"], rows["n"], strict=True)]
    for column, title, colour in (("fanova", "fANOVA", PALETTE[4]), ("ped_anova", "PED-ANOVA", PALETTE[0])):
        figure.add_bar(
            x=rounded(rows[column], 3), y=names, orientation="h", name=title,
            marker={"color": colour}, hovertemplate="%{y}: %{x:.1%}",
        )  # fmt: skip
    figure.update_layout(barmode="group", bargap=0.25, legend={"traceorder": "reversed"})
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    return figure


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """The hyper-parameters that apply to enough trials."""
    return table[table["n"] >= LEAST]


def importance_sentence(table: pd.DataFrame, n_trials: int) -> str:
    """What to think of the bars."""
    if not len(table):
        return (
            f"{n_trials} trial{'' if n_trials == 1 else 's'} with a value: too few, or too alike, to say which "
            f"hyper-parameters matter (at least {LEAST} are needed)."
        )
    rare = [str(name) for name in table["name"][table["n"] < LEAST]]
    left_out = f" Applies to fewer than {LEAST} trials and is left out: {', '.join(rare)}." if rare else ""
    few = f" With {n_trials} trials this is a rough picture." if n_trials < 40 else ""
    return (
        "PED-ANOVA: what the best trials share. fANOVA: how much of the variance of all trials one hyper-parameter "
        f"explains alone, through the trials to which it applies.{few}{left_out}"
    )


def draw_importance(axes: Any, table: pd.DataFrame, n_trials: int) -> None:
    """As `importance_figure`, on a matplotlib axes."""
    rows = judged(table).iloc[::-1]
    at = np.arange(len(rows))
    axes.barh(at + 0.2, rows["ped_anova"], 0.38, color=PALETTE[0], label="PED-ANOVA")
    axes.barh(at - 0.2, rows["fanova"], 0.38, color=PALETTE[4], label="fANOVA")
    axes.set_yticks(at, [_title(name, n, n_trials) for name, n in zip(rows["name"], rows["n"], strict=True)])
    axes.set_xlabel("share of the importance")
    axes.legend(frameon=False)


def _ped_anova(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, float]:
    from optuna.importance import PedAnovaImportanceEvaluator

    share = min(0.5, max(BEST_SHARE, BEST_LEAST / len(rows)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is experimental, and that few trials are few
        return PedAnovaImportanceEvaluator(target_quantile=share).evaluate(
            _study(rows, names), params=list(names)
        )


def _fanova(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, float]:
    """The fraction of the variance of all trials that each hyper-parameter explains alone; NaN where it is not known.

    A forest says which fraction of the variance in its own group one explains. The group's part in the variance of all
    is n_g var_g / (n var): without it, what moves few trials by little would count as much as what moves all.
    """
    from optuna.importance import FanovaImportanceEvaluator

    if len(rows) > FOREST_TRIALS:
        rows = rows.sample(FOREST_TRIALS, random_state=0)
    found = dict.fromkeys(names, float("nan"))
    total = _squares(rows["value"])
    groups: dict[tuple[bool, ...], list[str]] = {}
    for name in names:  # those that apply to the same trials are judged by one forest
        groups.setdefault(tuple(rows[name].notna().tolist()), []).append(name)
    for applies, members in groups.items():
        part = rows[np.array(applies)]
        complete = [name for name in varied(part) if part[name].notna().all()]
        if len(part) < LEAST or part["value"].nunique() < 2:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            evaluator = FanovaImportanceEvaluator(n_trees=TREES, max_depth=DEPTH, seed=0)
            if not complete:
                continue
            values = evaluator.evaluate(_study(part, complete), params=complete)
        part_of_all = _squares(part["value"]) / total
        found |= {name: part_of_all * values[name] for name in members if name in values}
    return found


def _squares(values: pd.Series) -> float:
    """n times the variance."""
    numbers = values.astype(float).to_numpy()
    return float(((numbers - numbers.mean()) ** 2).sum())


def _study(rows: pd.DataFrame, names: Sequence[str]) -> optuna.Study:
    """An Optuna study in memory with these trials, each with the hyper-parameters that apply to it."""
    import optuna

    domains = {name: _distribution(rows[name]) for name in names}
    study = optuna.create_study(direction="maximize")
    records = rows[[*names]].to_dict("records")
    for record, value in zip(records, rows["value"].tolist(), strict=True):
        used = {name: _plain(v) for name, v in record.items() if not _absent(v)}
        study.add_trial(
            optuna.trial.create_trial(
                params={n: v if not isinstance(domains[n], optuna.distributions.CategoricalDistribution) else str(v)
                        for n, v in used.items()},
                distributions={n: domains[n] for n in used},
                value=float(value),
            )
        )  # fmt: skip
    return study


def _distribution(values: pd.Series) -> optuna.distributions.BaseDistribution:
    """The range or the choices that were tried."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    given = values.dropna()
    if not is_number(given):
        return CategoricalDistribution(sorted({str(v) for v in given}))
    numbers = given.astype(float).to_numpy()
    return FloatDistribution(float(numbers.min()), float(numbers.max()), log=on_log_scale(numbers))


def _shares(values: Iterable[float]) -> list[float]:
    numbers = np.array(list(values), dtype=float)
    total = float(np.nansum(numbers))
    return [float(number) for number in (numbers / total if total > 0 else numbers)]


def _title(name: str, n: int, n_trials: int) -> str:
    return name if n == n_trials else f"{name} ({n} of {n_trials})"


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and bool(np.isnan(value)))


def _plain(value: Any) -> Any:
    number = value.item() if isinstance(value, np.generic) else value
    return float(number) if isinstance(number, int) and not isinstance(number, bool) else number
