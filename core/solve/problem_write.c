/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * problem_write: the neutral JSON form of a problem. That form has one usage term a node; a further term becomes a
 * node of its own with the same choices, no cost, and a table that forbids all pairs but equal ones.
 */
#include "solve/solve.h"

#include <math.h>

static const double forbidden = 1e15;

static void put_row(struct sc_json_writer *w, const double *row, int count)
{
    for (int c = 0; c < count; c++)
        sc_json_put_number(w, NULL, row[c] == INFINITY ? forbidden : row[c]);
}

static bool too_large(const double *row, int count)
{
    for (int c = 0; c < count; c++)
        if (row[c] >= forbidden && row[c] != INFINITY)
            return true;
    return false;
}

/* Terms of each node: term[node] is the one written with the node (-1: none), the others follow as extra nodes. */
struct layout {
    int *term;
    int *extra;
    int extra_count;
};

static enum sc_status lay_out(const struct sc_problem *p, struct layout *layout, struct sc_error *err)
{
    layout->term = sc_calloc((size_t)p->node_count, sizeof *layout->term);
    layout->extra = sc_calloc((size_t)p->usage_count + 1, sizeof *layout->extra);
    if (!layout->term || !layout->extra)
        return sc_fail(err, SC_NO_MEMORY, "out of memory while writing a problem");
    for (int n = 0; n < p->node_count; n++) {
        layout->term[n] = -1;
        if (too_large(p->cost[n], p->choices[n]))
            return sc_fail(err, SC_LIMIT, "node %d has a finite cost of 1e15 or more, which the form cannot hold", n);
    }
    for (int t = 0; t < p->table_count; t++)
        for (int r = 0; r < p->tables[t].rows; r++)
            if (too_large(p->tables[t].at + (size_t)r * (size_t)p->tables[t].stride, p->tables[t].cols))
                return sc_fail(err, SC_LIMIT, "table %d has a finite cost of 1e15 or more, which the form cannot hold",
                               t);
    for (int u = 0; u < p->usage_count; u++) {
        int node = p->usages[u].node;
        if (layout->term[node] < 0)
            layout->term[node] = u;
        else
            layout->extra[layout->extra_count++] = u;
    }
    return SC_OK;
}

static void put_interval(struct sc_json_writer *w, const struct sc_problem *p, int term)
{
    sc_json_open_array(w, NULL, true);
    sc_json_put_int(w, NULL, term < 0 ? 0 : p->usages[term].t0);
    sc_json_put_int(w, NULL, term < 0 ? 0 : p->usages[term].t1);
    sc_json_close(w);
}

static void put_usage(struct sc_json_writer *w, const struct sc_problem *p, int node, int term)
{
    sc_json_open_array(w, NULL, true);
    for (int c = 0; c < p->choices[node]; c++)
        sc_json_put_number(w, NULL, term < 0 ? 0 : p->usages[term].usage[c]);
    sc_json_close(w);
}

static void put_nodes(struct sc_json_writer *w, const struct sc_problem *p, const struct layout *layout)
{
    sc_json_open_object(w, "nodes", false);
    sc_json_open_array(w, "intervals", false);
    for (int n = 0; n < p->node_count; n++)
        put_interval(w, p, layout->term[n]);
    for (int x = 0; x < layout->extra_count; x++)
        put_interval(w, p, layout->extra[x]);
    sc_json_close(w);
    sc_json_open_array(w, "costs", false);
    for (int n = 0; n < p->node_count; n++) {
        sc_json_open_array(w, NULL, true);
        put_row(w, p->cost[n], p->choices[n]);
        sc_json_close(w);
    }
    for (int x = 0; x < layout->extra_count; x++) {
        sc_json_open_array(w, NULL, true);
        for (int c = 0; c < p->choices[p->usages[layout->extra[x]].node]; c++)
            sc_json_put_number(w, NULL, 0);
        sc_json_close(w);
    }
    sc_json_close(w);
    sc_json_open_array(w, "usages", false);
    for (int n = 0; n < p->node_count; n++)
        put_usage(w, p, n, layout->term[n]);
    for (int x = 0; x < layout->extra_count; x++)
        put_usage(w, p, p->usages[layout->extra[x]].node, layout->extra[x]);
    sc_json_close(w);
    sc_json_close(w);
}

static void put_pair(struct sc_json_writer *w, int from, int to)
{
    sc_json_open_array(w, NULL, true);
    sc_json_put_int(w, NULL, from);
    sc_json_put_int(w, NULL, to);
    sc_json_close(w);
}

static void put_edges(struct sc_json_writer *w, const struct sc_problem *p, const struct layout *layout)
{
    sc_json_open_object(w, "edges", false);
    sc_json_open_array(w, "nodes", false);
    for (int e = 0; e < p->edge_count; e++)
        put_pair(w, p->edges[e].from, p->edges[e].to);
    for (int x = 0; x < layout->extra_count; x++)
        put_pair(w, p->usages[layout->extra[x]].node, p->node_count + x);
    sc_json_close(w);
    sc_json_open_array(w, "costs", false);
    for (int e = 0; e < p->edge_count; e++) {
        const struct sc_table *table = &p->tables[p->edges[e].table];
        sc_json_open_array(w, NULL, true);
        for (int r = 0; r < table->rows; r++)
            put_row(w, table->at + (size_t)r * (size_t)table->stride, table->cols);
        sc_json_close(w);
    }
    for (int x = 0; x < layout->extra_count; x++) {
        int k = p->choices[p->usages[layout->extra[x]].node];
        sc_json_open_array(w, NULL, true);
        for (int r = 0; r < k; r++)
            for (int c = 0; c < k; c++)
                sc_json_put_number(w, NULL, r == c ? 0 : forbidden);
        sc_json_close(w);
    }
    sc_json_close(w);
    sc_json_close(w);
}

enum sc_status sc_problem_write(const struct sc_problem *problem, struct sc_str *out, struct sc_error *err)
{
    struct layout layout = {0};
    enum sc_status status = lay_out(problem, &layout, err);
    if (status == SC_OK) {
        struct sc_json_writer w;
        sc_json_begin(&w, out);
        sc_json_open_object(&w, NULL, false);
        sc_json_open_object(&w, "problem", false);
        sc_json_put_string(&w, "name", problem->name);
        put_nodes(&w, problem, &layout);
        put_edges(&w, problem, &layout);
        if (problem->limit != INFINITY)
            sc_json_put_number(&w, "usage_limit", problem->limit);
        sc_json_close(&w);
        sc_json_close(&w);
        if (out->failed)
            status = sc_fail(err, SC_NO_MEMORY, "out of memory while writing a problem");
    }
    sc_free(layout.term);
    sc_free(layout.extra);
    return status;
}
