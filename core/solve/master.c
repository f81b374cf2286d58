/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * master: the revised simplex method with an explicit inverse, for a handful of rows (Dantzig and Orchard-Hays 1954).
 * It begins with the last column and all slacks. As long as steps have length 0 the first column that helps enters
 * (Bland 1977), so that it cannot cycle.
 */
#include "solve/master.h"

#include "base/base.h"

#include <math.h>
#include <string.h>

enum { SIZE = SC_MASTER_ROWS + 1, MOST_STEPS = 2000 };
static const double tiny = 1e-10;

struct simplex {
    int rows, columns; /* row `rows` says that the weights sum to 1 */
    const double *at, *cost;
    int basis[SIZE]; /* of a row: a column, or columns + r for the slack of r */
    double inverse[SIZE][SIZE], right[SIZE], dual[SIZE];
};

static double entry(const struct simplex *s, int column, int row)
{
    if (column >= s->columns)
        return column - s->columns == row;
    return row == s->rows ? 1 : s->at[(size_t)column * (size_t)s->rows + (size_t)row];
}

static double cost_of(const struct simplex *s, int column)
{
    return column < s->columns ? s->cost[column] : 0;
}

static double reduced(const struct simplex *s, int column)
{
    double value = cost_of(s, column);
    for (int r = 0; r <= s->rows; r++)
        value -= s->dual[r] * entry(s, column, r);
    return value;
}

static void find_duals(struct simplex *s)
{
    for (int r = 0; r <= s->rows; r++) {
        s->dual[r] = 0;
        for (int i = 0; i <= s->rows; i++)
            s->dual[r] += cost_of(s, s->basis[i]) * s->inverse[i][r];
    }
}

/* -1: none helps. */
static int entering(const struct simplex *s, bool first)
{
    int best = -1;
    double least = -tiny;
    for (int c = 0; c < s->columns + s->rows; c++) {
        double value = reduced(s, c);
        if (value >= least)
            continue;
        best = c;
        if (first)
            break;
        least = value;
    }
    return best;
}

/* Bring a column in. False when nothing leaves. *length: of the step. */
static bool pivot(struct simplex *s, int column, double *length)
{
    double direction[SIZE];
    int leaves = -1;
    for (int i = 0; i <= s->rows; i++) {
        direction[i] = 0;
        for (int r = 0; r <= s->rows; r++)
            direction[i] += s->inverse[i][r] * entry(s, column, r);
        if (direction[i] <= 1e-9)
            continue;
        double ratio = s->right[i] / direction[i];
        if (leaves < 0 || ratio < *length - tiny || (ratio <= *length + tiny && s->basis[i] < s->basis[leaves])) {
            *length = ratio;
            leaves = i;
        }
    }
    if (leaves < 0)
        return false;
    double scale = 1 / direction[leaves];
    for (int r = 0; r <= s->rows; r++)
        s->inverse[leaves][r] *= scale;
    s->right[leaves] *= scale;
    for (int i = 0; i <= s->rows; i++) {
        if (i == leaves)
            continue;
        for (int r = 0; r <= s->rows; r++)
            s->inverse[i][r] -= direction[i] * s->inverse[leaves][r];
        s->right[i] = fmax(0, s->right[i] - direction[i] * s->right[leaves]);
    }
    s->basis[leaves] = column;
    return true;
}

bool sc_master_solve(int rows, int columns, const double *at, const double *cost, double *price, double *weight,
                     double *value)
{
    struct simplex *s = sc_alloc(sizeof *s);
    if (!s)
        return false;
    *s = (struct simplex){.rows = rows, .columns = columns, .at = at, .cost = cost};
    for (int r = 0; r <= rows; r++) {
        s->basis[r] = r < rows ? columns + r : columns - 1;
        s->inverse[r][r] = 1;
        s->right[r] = r == rows;
    }
    double length = 1;
    for (int step = 0; step < MOST_STEPS; step++) {
        find_duals(s);
        int column = entering(s, length <= tiny);
        if (column < 0 || !pivot(s, column, &length))
            break;
    }
    *value = 0;
    memset(weight, 0, (size_t)columns * sizeof *weight);
    for (int i = 0; i <= rows; i++)
        if (s->basis[i] < columns) {
            weight[s->basis[i]] = s->right[i];
            *value += s->right[i] * cost[s->basis[i]];
        }
    for (int r = 0; r < rows; r++)
        price[r] = fmax(0, -s->dual[r]);
    sc_free(s);
    return true;
}
