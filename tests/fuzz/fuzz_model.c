/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as a model file: refused with a message, or a graph that keeps its invariants. Seeds: samples/models/family
 * and tests/bad-models.
 */
#include "import/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void check_walk(const struct sc_rule *rule, const struct sc_walk *walk, const struct sc_tensor *tensor)
{
    require(walk->rank == tensor->rank, "a walk has the rank of its tensor");
    for (int d = 0; d < walk->rank; d++) {
        int64_t product = walk->dim[d].scale;
        for (int i = 0; i < walk->dim[d].count; i++) {
            require(walk->dim[d].factor[i] < rule->factor_count, "a walk names factors of its rule");
            product *= rule->factor[walk->dim[d].factor[i]].size;
        }
        require(walk->dim[d].count == 0 || product == tensor->size[d], "factors multiply to the dimension");
    }
}

static void check_graph(const struct sc_graph *g)
{
    for (int i = 0; i < g->op_count; i++) {
        const struct sc_op *op = &g->ops[i];
        require(sc_graph_find_op(g, op->name) == i, "an op is found by its name");
        require(op->layer >= 0 && op->layer < g->layer_count, "an op has a layer");
        require(op->flops >= 0, "FLOPs are not negative");
        for (int k = 0; k < op->operand_count; k++) {
            require(g->tensors[op->operands[k]].op < i, "ops are in topological order");
            check_walk(op->rule, &op->rule->operand[k], &g->tensors[op->operands[k]]);
        }
        for (int k = 0; k < op->result_count; k++)
            check_walk(op->rule, &op->rule->result[k], &g->tensors[op->results[k]]);
    }
    for (int r = 0; r < g->repeat_count; r++)
        require(g->repeats[r].count > 1 &&
                    g->repeats[r].first + g->repeats[r].length * g->repeats[r].count <= g->op_count,
                "a repeat is inside the graph");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[64];
    if (file < 0) {
        file = memfd_create("model", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    require(file >= 0 && ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size, "a file in memory");
    for (int mode = 0; mode < SC_MODE_COUNT; mode++) {
        struct sc_model_options options = {.mode = (enum sc_mode)mode};
        struct sc_graph *graph = NULL;
        struct sc_error err = {0};
        enum sc_status status = sc_import_model(path, &options, &graph, &err);
        require((status == SC_OK) == (graph != NULL), "a graph or an error");
        require(status == SC_OK || err.message[0], "an error has a message");
        if (graph)
            check_graph(graph);
        sc_graph_free(graph);
    }
    return 0;
}
