/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * master: the small linear program of cutting planes. Private to this folder.
 */
#ifndef SC_SOLVE_MASTER_H
#define SC_SOLVE_MASTER_H

#include <stdbool.h>

enum { SC_MASTER_ROWS = 14 };

/* The cheapest mixture of columns that keeps all rows:
 *   minimise sum weight[j] cost[j]  with  sum weight = 1, weight >= 0, sum weight[j] at[j * rows + r] <= 0 for all r.
 * The caller adds a last column of zeros with a cost above all that is wanted, so that there is an answer; entries
 * should be of the order of 1. rows <= SC_MASTER_ROWS. Floating point: an answer, not a proof. price[r] >= 0: what a
 * unit of row r is worth. False when out of memory. */
bool sc_master_solve(int rows, int columns, const double *at, const double *cost, double *price, double *weight,
                     double *value);

#endif
