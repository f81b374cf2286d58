/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * outline: a problem seen from a few of its nodes. Elimination stops before them; what is left are the messages that
 * reach them and the edges between them.
 */
#include "solve/elim.h"

#include <math.h>
#include <string.h>

struct sc_outliner {
    struct sc_outline outline;
    struct sc_problem *problem;
    struct sc_arena *arena;
    struct sc_view view;
    struct sc_elim *elim;
    struct sc_outline_part *parts;
    bool *kept;
};

static bool make_view(struct sc_outliner *o)
{
    const struct sc_problem *p = o->problem;
    struct sc_view_edge *edges = sc_arena_calloc(o->arena, (size_t)p->edge_count + 1, sizeof *edges);
    if (!edges)
        return false;
    for (int e = 0; e < p->edge_count; e++) {
        const struct sc_table *table = &p->tables[p->edges[e].table];
        edges[e] = (struct sc_view_edge){p->edges[e].from, p->edges[e].to, table->at, table->stride};
    }
    o->view = (struct sc_view){.node_count = p->node_count,
                               .edge_count = p->edge_count,
                               .choices = p->choices,
                               .cost = p->cost,
                               .edges = edges};
    return true;
}

enum sc_status sc_outliner_new(const struct sc_problem *problem, int kept_count, const int *kept, double most,
                               struct sc_cancel *cancel, struct sc_outliner **out, struct sc_error *err)
{
    *out = NULL;
    struct sc_arena *arena = sc_arena_new();
    struct sc_outliner *o = arena ? sc_arena_alloc(arena, sizeof *o) : NULL;
    bool wide = false;
    if (o) {
        size_t parts = (size_t)problem->node_count + (size_t)problem->edge_count + 1;
        o->arena = arena;
        o->problem = sc_problem_share(problem);
        o->kept = sc_arena_calloc(arena, (size_t)problem->node_count + 1, sizeof *o->kept);
        o->parts = sc_arena_calloc(arena, parts, sizeof *o->parts);
        for (int i = 0; o->kept && i < kept_count; i++)
            o->kept[kept[i]] = true;
        if (o->kept && o->parts && make_view(o))
            o->elim = sc_elim_new_but(&o->view, o->kept, most, cancel, &wide);
    }
    if (!o || !o->elim) {
        if (o)
            sc_outliner_free(o);
        else
            sc_arena_free(arena);
        return wide ? sc_fail(err, SC_LIMIT, "too many tensors pass a border of \"%s\" at once", problem->name)
               : sc_cancelled(cancel) ? sc_fail(err, SC_CANCELLED, "cancelled while outlining a problem")
                                      : sc_fail(err, SC_NO_MEMORY, "no memory for the outline of a problem");
    }
    *out = o;
    return SC_OK;
}

void sc_outliner_free(struct sc_outliner *outliner)
{
    if (!outliner)
        return;
    sc_elim_free(outliner->elim);
    sc_problem_free(outliner->problem);
    sc_arena_free(outliner->arena);
}

/* Edges between kept nodes are functions of the one that comes first in the order. */
static void add_edges(struct sc_outliner *o, int node)
{
    const struct sc_elim_clique *q = &o->elim->clique[node];
    for (int f = 0; f < q->function_count; f++) {
        const struct sc_elim_function *g = &q->functions[f];
        if (g->child >= 0)
            continue;
        int *nodes = sc_arena_calloc(o->arena, 2, sizeof *nodes);
        if (!nodes)
            return;
        nodes[0] = node;
        nodes[1] = q->next[g->scope[1] - 1];
        o->parts[o->outline.part_count++] = (struct sc_outline_part){2, nodes, g->table.at};
    }
}

enum sc_status sc_outliner_run(struct sc_outliner *o, const double *const *cost, const struct sc_outline **out,
                               struct sc_error *err)
{
    const struct sc_elim *m = o->elim;
    enum sc_status status = sc_elim_run(o->elim, cost);
    if (status == SC_INFEASIBLE)
        return status;
    if (status != SC_OK)
        return sc_fail(err, status, "cannot outline \"%s\": %s", o->problem->name, sc_status_message(status));
    o->outline = (struct sc_outline){.parts = o->parts};
    for (int i = 0; i < o->problem->node_count; i++) {
        const struct sc_elim_clique *q = &m->clique[m->order[i]];
        if (o->kept[q->node]) {
            add_edges(o, q->node);
            continue;
        }
        if (q->parent >= 0 && !o->kept[q->parent])
            continue;
        o->outline.constant += q->up.offset;
        if (q->parent >= 0)
            o->parts[o->outline.part_count++] = (struct sc_outline_part){q->next_count, q->next, q->up.at};
    }
    *out = &o->outline;
    return SC_OK;
}
