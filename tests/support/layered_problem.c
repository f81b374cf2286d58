/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/layered_problem.h"

#include <math.h>
#include <string.h>

enum { SPECS = 12, OPS = 30, MOST = 64 };

/* Ops of a layer: what each reads (an op of the layer, -1: the layer's input), and whether it is a parameter. */
static const struct {
    int reads[3];
    bool parameter;
} ops[OPS] = {
    {{-2, -2, -2}, true},  {{-1, 0, -2}, false},  {{-2, -2, -2}, true},  {{1, 2, -2}, false},   {{-2, -2, -2}, true},
    {{3, 4, -2}, false},   {{5, -2, -2}, false},  {{5, -2, -2}, false},  {{5, -2, -2}, false},  {{6, 7, -2}, false},
    {{9, -2, -2}, false},  {{10, 8, -2}, false},  {{-2, -2, -2}, true},  {{11, 12, -2}, false}, {{-2, -2, -2}, true},
    {{13, 14, -2}, false}, {{15, -1, -2}, false}, {{-2, -2, -2}, true},  {{16, 17, -2}, false}, {{-2, -2, -2}, true},
    {{18, 19, -2}, false}, {{-2, -2, -2}, true},  {{20, 21, -2}, false}, {{22, -2, -2}, false}, {{-2, -2, -2}, true},
    {{23, 24, -2}, false}, {{-2, -2, -2}, true},  {{25, 26, -2}, false}, {{27, -2, -2}, false}, {{28, 16, -2}, false},
};

static double whole_units(double seconds)
{
    return nearbyint(seconds * 1073741824.0) / 1073741824.0; /* on a grid of 2^-30 s */
}

struct op {
    int k;
    int in[3][MOST], out[MOST]; /* specs of a choice */
    double cost[MOST], held[MOST], working[MOST];
};

static void make_op(struct op *op, uint64_t *seed, bool parameter, int most)
{
    double size = 1e6 * (double)(1 + sc_random_below(seed, 64)) * (parameter ? 16 : 2);
    double time = parameter ? 0 : 1e-4 * (double)(1 + sc_random_below(seed, 40));
    op->k = parameter ? 4 + (int)sc_random_below(seed, 12) : 4 + (int)sc_random_below(seed, (uint64_t)most - 3);
    op->k = op->k < most ? op->k : most;
    for (int c = 0; c < op->k; c++) {
        int shards = 1 << sc_random_below(seed, 4);
        op->out[c] = (int)sc_random_below(seed, SPECS);
        for (int i = 0; i < 3; i++)
            op->in[i][c] = (int)sc_random_below(seed, SPECS);
        op->cost[c] =
            whole_units(time / shards + (parameter ? 2e-5 * shards : 1e-5 * (double)sc_random_below(seed, 30)));
        op->held[c] = floor(size / shards);
        op->working[c] = parameter ? 0 : floor(size / shards * (double)(1 + sc_random_below(seed, 3)));
    }
}

static int table_between(struct sc_problem_builder *b, const struct op *from, const struct op *to, int port,
                         const double *reshard, uint64_t key)
{
    double values[MOST * MOST];
    for (int p = 0; p < from->k; p++)
        for (int q = 0; q < to->k; q++)
            values[p * to->k + q] = reshard[from->out[p] * SPECS + to->in[port][q]];
    return sc_problem_add_table(b, from->k, to->k, values, key);
}

static bool add_layer(struct sc_problem_builder *b, const struct op *op, const double *reshard, int first, int before,
                      int slots, bool working, double *least, double *most)
{
    int slot = first;
    for (int i = 0; i < OPS; i++) {
        if (sc_problem_add_node(b, op[i].k, op[i].cost, NULL) < 0 ||
            sc_problem_add_usage(b, first + i, 0, slots, op[i].held) < 0 ||
            (working && !ops[i].parameter &&
             sc_problem_add_usage(b, first + i, slot + i, slot + i + 1, op[i].working) < 0))
            return false;
        double low = INFINITY;
        int cheapest = 0;
        for (int c = 0; c < op[i].k; c++) {
            low = fmin(low, op[i].held[c]);
            cheapest = op[i].cost[c] < op[i].cost[cheapest] ? c : cheapest;
        }
        *least += low;
        *most += op[i].held[cheapest];
        for (int port = 0; port < 3; port++) {
            int reads = ops[i].reads[port];
            int from = reads >= 0 ? first + reads : before;
            if (reads == -2 || from < 0)
                continue;
            const struct op *source = &op[reads >= 0 ? reads : OPS - 1];
            int table = table_between(b, source, &op[i], port, reshard, (uint64_t)(i * 3 + port + 1));
            if (sc_problem_add_edge(b, from, first + i, table) < 0)
                return false;
        }
    }
    return true;
}

struct sc_problem *layered_problem(uint64_t seed, const struct layered_shape *shape, struct sc_error *err)
{
    struct op op[OPS];
    double reshard[SPECS * SPECS], least = 0, most = 0;
    struct sc_problem *p = NULL;
    struct sc_problem_builder *b = sc_problem_builder_new("layered");
    if (!b) {
        sc_fail(err, SC_NO_MEMORY, "out of memory");
        return NULL;
    }
    memset(op, 0, sizeof op);
    for (int i = 0; i < OPS; i++)
        make_op(&op[i], &seed, ops[i].parameter, shape->most_choices);
    for (int i = 0; i < SPECS * SPECS; i++)
        reshard[i] = i % (SPECS + 1) == 0 ? 0 : whole_units(1e-5 * (double)(1 + sc_random_below(&seed, 100)));
    for (int l = 0; l < shape->layers; l++)
        if (!add_layer(b, op, reshard, l * OPS, l ? l * OPS - 1 : -1, shape->layers * OPS, shape->working, &least,
                       &most))
            break;
    if (shape->room <= 1)
        sc_problem_set_limit(b, floor(least + shape->room * (most - least)));
    sc_problem_set_quantum(b, 1 / 1073741824.0);
    sc_problem_build(b, &p, err);
    sc_problem_builder_free(b);
    return p;
}
