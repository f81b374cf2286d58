/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From cost tables to the problem that solvers know: node i is node i, one stage, B microbatches.
 * Cost = B × micro + once; both lie on the grid of the tables, so the sum does too.
 */
#include <math.h>

#include "plan/plan.h"

static const double *combine(double *row, int count, double microbatches, const double *micro, const double *once)
{
    for (int i = 0; i < count; i++)
        row[i] = microbatches * micro[i] + once[i];
    return row;
}

static enum sc_status add_nodes(struct sc_problem_builder *builder, const struct sc_costs *costs, double *row)
{
    for (int n = 0; n < costs->node_count; n++) {
        const struct sc_cost_node *node = &costs->nodes[n];
        const char *name = node->op >= 0 ? costs->graph->ops[node->op].name : costs->graph->tensors[node->tensor].name;
        combine(row, node->set->count, costs->options.microbatches, node->micro_s, node->once_s);
        if (sc_problem_add_node(builder, node->set->count, row, name) != n)
            return SC_NO_MEMORY;
    }
    return SC_OK;
}

/* Tables are combined once each, however many edges share them. */
static enum sc_status add_edges(struct sc_problem_builder *builder, const struct sc_costs *costs, int *table_of)
{
    for (int t = 0; t < costs->table_count; t++)
        table_of[t] = -1;
    for (int e = 0; e < costs->edge_count; e++) {
        const struct sc_cost_edge *edge = &costs->edges[e];
        int rows = costs->nodes[edge->from].set->count, cols = costs->nodes[edge->to].set->count;
        if (table_of[edge->table] < 0) {
            double *values = sc_calloc((size_t)rows * (size_t)cols, sizeof *values);
            if (!values)
                return SC_NO_MEMORY;
            for (int r = 0; r < rows; r++) {
                size_t at = (size_t)r * (size_t)edge->stride;
                combine(values + (size_t)r * (size_t)cols, cols, costs->options.microbatches, edge->micro_s + at,
                        edge->once_s + at);
            }
            table_of[edge->table] = sc_problem_add_table(builder, rows, cols, values, 0);
            sc_free(values);
        }
        if (table_of[edge->table] < 0 || sc_problem_add_edge(builder, edge->from, edge->to, table_of[edge->table]) < 0)
            return SC_NO_MEMORY;
    }
    return SC_OK;
}

enum sc_status sc_plan_problem(const struct sc_costs *costs, struct sc_problem **out, struct sc_error *err)
{
    int widest = 1;
    for (int n = 0; n < costs->node_count; n++)
        if (costs->nodes[n].set->count > widest)
            widest = costs->nodes[n].set->count;
    struct sc_problem_builder *builder = sc_problem_builder_new(costs->graph->name);
    double *row = sc_calloc((size_t)widest, sizeof *row);
    int *table_of = sc_calloc((size_t)costs->table_count + 1, sizeof *table_of);
    enum sc_status status = builder && row && table_of ? SC_OK : SC_NO_MEMORY;
    if (status == SC_OK)
        status = add_nodes(builder, costs, row);
    if (status == SC_OK)
        status = add_edges(builder, costs, table_of);
    for (int u = 0; status == SC_OK && u < costs->usage_count; u++) {
        const struct sc_cost_usage *usage = &costs->usages[u];
        if (sc_problem_add_usage(builder, usage->node, usage->t0, usage->t1, usage->bytes) < 0)
            status = SC_NO_MEMORY;
    }
    if (status == SC_OK) {
        sc_problem_set_limit(builder, costs->memory_bytes > 0 ? costs->memory_bytes : INFINITY);
        sc_problem_set_quantum(builder, costs->quantum);
        status = sc_problem_build(builder, out, err);
    } else {
        sc_fail(err, status, "no memory for the problem of %d nodes", costs->node_count);
    }
    sc_problem_builder_free(builder);
    sc_free(row);
    sc_free(table_of);
    return status;
}
