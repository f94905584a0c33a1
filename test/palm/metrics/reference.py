"""Writes reference.json: random results with their scores by scikit-learn 1.2 and SciPy 1.10, each an implementation of others.

python3 reference.py > reference.json
"""

import json
import math
import random

import numpy
from scipy import stats
from sklearn import metrics
from sklearn.preprocessing import MultiLabelBinarizer

draw = random.Random(7)


def classes(labels, size):
    gold = [draw.choice(labels) for _ in range(size)]
    # the last label is never predicted
    predicted = [g if draw.random() < 0.6 else draw.choice(labels[:-1]) for g in gold]
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(gold, predicted, zero_division=0)
    names = sorted(set(gold) | set(predicted))
    positive = labels[0]
    return {
        "gold": gold,
        "predicted": predicted,
        "positive": positive,
        "scores": {
            "accuracy": metrics.accuracy_score(gold, predicted),
            "macroF1": metrics.f1_score(gold, predicted, average="macro", zero_division=0),
            "weightedF1": metrics.f1_score(gold, predicted, average="weighted", zero_division=0),
            "matthews": metrics.matthews_corrcoef(gold, predicted),
            "precision": precision[names.index(positive)],
            "recall": recall[names.index(positive)],
            "f1": f1[names.index(positive)],
        },
        "classes": [list(row) for row in zip(names, precision, recall, f1)],
        "confusion": metrics.confusion_matrix(gold, predicted).tolist(),
    }


def label_sets(labels, size):
    some = lambda: [label for label in labels if draw.random() < 0.3]
    gold = [some() for _ in range(size)]
    predicted = [[label for label in labels if (label in g) != (draw.random() < 0.2)] for g in gold]
    binary = MultiLabelBinarizer().fit(gold + predicted)
    y, z = binary.transform(gold), binary.transform(predicted)
    score = lambda average: metrics.f1_score(y, z, average=average, zero_division=0)
    return {
        "gold": gold,
        "predicted": predicted,
        "scores": {
            "microF1": score("micro"),
            "macroF1": score("macro"),
            "weightedF1": score("weighted"),
            "precision": metrics.precision_score(y, z, average="micro", zero_division=0),
            "recall": metrics.recall_score(y, z, average="micro", zero_division=0),
            "exactMatch": metrics.accuracy_score(y, z),
        },
    }


def numbers(size, ties):
    number = lambda: round(draw.uniform(0, 5), 0 if ties else 6)
    gold = [number() for _ in range(size)]
    predicted = [round(g + draw.gauss(0, 1.5), 0 if ties else 6) for g in gold]
    return {
        "gold": gold,
        "predicted": predicted,
        "scores": {
            "meanSquaredError": metrics.mean_squared_error(gold, predicted),
            "meanAbsoluteError": metrics.mean_absolute_error(gold, predicted),
            "pearson": stats.pearsonr(gold, predicted)[0],
            "spearman": stats.spearmanr(gold, predicted)[0],
        },
    }


def ranking(queries, k, grades):
    candidates, scores = [], []
    ndcg, precision, reciprocal, first = [], [], [], []
    for query in range(queries):
        relevance = [draw.randrange(grades) for _ in range(draw.randint(2, 9))]
        score = [draw.random() for _ in relevance]
        candidates += [{"query": f"q{query}", "relevance": r} for r in relevance]
        scores += score
        if not any(relevance):
            continue
        ndcg.append(metrics.ndcg_score([relevance], [score], k=k))
        relevant = [r > 0 for r in relevance]
        precision.append(metrics.average_precision_score(relevant, score))
        rank = stats.rankdata([-s for s in score])
        best = min(rank[i] for i, r in enumerate(relevant) if r)
        reciprocal.append(1 / best)
        first.append(best == 1)
    order = list(range(len(scores)))
    draw.shuffle(order)
    return {
        "k": k,
        "gold": [candidates[i] for i in order],
        "predicted": [scores[i] for i in order],
        "scores": {
            "meanReciprocalRank": numpy.mean(reciprocal),
            "meanAveragePrecision": numpy.mean(precision),
            "ndcg": numpy.mean(ndcg),
            "precisionAt1": numpy.mean(first),
            "queries": len(ndcg),
        },
    }


def perplexity(size, vocabulary):
    gold = [draw.randrange(vocabulary) for _ in range(size)]
    rows = [[draw.uniform(-2, 2) + (3 if i == g else 0) for i in range(vocabulary)] for g in gold]
    probabilities = [[math.exp(x) / sum(map(math.exp, row)) for x in row] for row in rows]
    right = [row.index(max(row)) == g for row, g in zip(rows, gold)]
    guessed = [
        {"pieces": 1, "right": int(r), "negativeLogLikelihood": -math.log(row[g])}
        for r, row, g in zip(right, probabilities, gold)
    ]
    loss = metrics.log_loss(gold, probabilities, labels=range(vocabulary))
    return {
        "gold": gold,
        "predicted": guessed,
        "scores": {"perplexity": math.exp(loss), "accuracy": sum(right) / size, "pieces": size},
    }


cases = {
    "classes": [classes(["yes", "no"], 30), classes(["b", "a", "d", "c"], 60), classes(["x", "y", "z"], 7)],
    "labelSets": [label_sets(["a", "b", "c", "d"], 40), label_sets(["x", "y"], 5)],
    "numbers": [numbers(40, False), numbers(40, True), numbers(3, False)],
    "ranking": [ranking(12, 10, 2), ranking(12, 3, 4)],
    "perplexity": [perplexity(25, 6)],
}
print(json.dumps(cases, default=float))
