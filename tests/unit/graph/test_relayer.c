/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Graphs in other layers: what has to hold of any graph, checked from nothing, for every sample model.
 */
#include "build.h"
#include "import/import.h"
#include "pipeline/pipeline.h"
#include "support/faults.h"
#include "support/near.h"

#include <glob.h>
#include <string.h>

/* Ops in topological order, layers as runs, readers as operands say. */
static void check_graph(const struct sc_graph *g)
{
    int next = 0, uses = 0, operands = 0;
    for (int l = 0; l < g->layer_count; l++) {
        bool computes = false;
        assert_int_equal(g->layers[l].first_op, next);
        assert_true(g->layers[l].op_count > 0);
        for (int i = next; i < next + g->layers[l].op_count; i++) {
            assert_int_equal(g->ops[i].layer, l);
            computes |= sc_kind_source(g->ops[i].kind) == SC_SOURCE_NONE;
        }
        assert_true(computes);
        next += g->layers[l].op_count;
    }
    assert_int_equal(next, g->op_count);
    for (int i = 0, t = 0; i < g->op_count; i++) {
        const struct sc_op *op = &g->ops[i];
        assert_int_equal(sc_graph_find_op(g, op->name), i);
        for (int k = 0; k < op->operand_count; k++, operands++)
            assert_true(g->tensors[op->operands[k]].op < i);
        for (int k = 0; k < op->result_count; k++, t++) {
            assert_int_equal(op->results[k], t);
            assert_true(g->tensors[t].op == i && g->tensors[t].port == k);
        }
    }
    for (int t = 0; t < g->tensor_count; t++) {
        const struct sc_tensor *tensor = &g->tensors[t];
        for (int u = 0; u < tensor->use_count; u++, uses++) {
            assert_int_equal(g->ops[tensor->uses[u].op].operands[tensor->uses[u].port], t);
            assert_true(u == 0 || tensor->uses[u].op >= tensor->uses[u - 1].op);
        }
    }
    assert_int_equal(uses, operands);
}

static bool is_with_reader(const struct sc_graph *g, int source)
{
    const struct sc_tensor *t = &g->tensors[g->ops[source].results[0]];
    return t->use_count > 0 && g->ops[t->uses[0].op].layer == g->ops[source].layer;
}

/* By name, everything but order and layer is as it was; ops that compute are in the order in which they were,
 * and sources with their first readers when they were (a file may put an input into an earlier layer). */
static void same_content(const struct sc_graph *a, const struct sc_graph *b)
{
    int last = -1;
    assert_int_equal(a->op_count, b->op_count);
    assert_int_equal(a->tensor_count, b->tensor_count);
    assert_int_equal(a->class_count, b->class_count);
    assert_true(a->flops == b->flops && a->parameters == b->parameters);
    for (int i = 0; i < a->op_count; i++) {
        int j = sc_graph_find_op(b, a->ops[i].name);
        assert_true(j >= 0);
        const struct sc_op *x = &a->ops[i], *y = &b->ops[j];
        assert_true(x->kind == y->kind && x->klass == y->klass && x->flops == y->flops);
        assert_string_equal(x->rule->text, y->rule->text);
        assert_int_equal(x->operand_count, y->operand_count);
        for (int k = 0; k < x->operand_count; k++)
            assert_string_equal(a->tensors[x->operands[k]].name, b->tensors[y->operands[k]].name);
        for (int k = 0; k < x->result_count; k++) {
            const struct sc_tensor *s = &a->tensors[x->results[k]], *t = &b->tensors[y->results[k]];
            assert_string_equal(s->name, t->name);
            assert_true(s->dtype == t->dtype && s->rank == t->rank && s->output == t->output);
            assert_true(s->gradient == t->gradient && s->use_count == t->use_count);
            assert_memory_equal(s->size, t->size, (size_t)s->rank * sizeof s->size[0]);
        }
        if (sc_kind_source(x->kind) != SC_SOURCE_NONE) {
            assert_true(is_with_reader(b, j) || !is_with_reader(a, i));
            continue;
        }
        assert_true(j > last);
        last = j;
    }
}

/* ---- samples ---------------------------------------------------------------------------------------- */

static struct sc_graph *load(const char *path)
{
    struct sc_graph *graph = NULL;
    struct sc_error err = {0};
    if (sc_import_model(path, NULL, &graph, &err) != SC_OK)
        fail_msg("%s: %s", path, err.message);
    return graph;
}

static struct sc_graph *relayer_as_it_is(const struct sc_graph *graph, bool names)
{
    struct sc_graph *out = NULL;
    struct sc_error err = {0};
    int *first_op = sc_calloc((size_t)graph->layer_count, sizeof *first_op);
    const char **own = sc_calloc((size_t)graph->layer_count, sizeof *own);
    for (int l = 0; l < graph->layer_count; l++) {
        first_op[l] = graph->layers[l].first_op;
        own[l] = graph->layers[l].name;
    }
    if (sc_graph_relayer(graph, graph->layer_count, first_op, names ? own : NULL, &out, &err) != SC_OK)
        fail_msg("%s: %s", graph->name, err.message);
    sc_free(first_op);
    sc_free(own);
    return out;
}

static void check_same_layers(const struct sc_graph *graph)
{
    struct sc_graph *same = relayer_as_it_is(graph, true), *renamed = relayer_as_it_is(graph, false);
    check_graph(same);
    same_content(graph, same);
    if (same->hash != graph->hash)
        fail_msg("%s has another hash in its own layers", graph->name);
    assert_int_equal(same->repeat_count, graph->repeat_count);
    for (int k = 0; k < graph->repeat_count; k++) {
        assert_int_equal(same->repeats[k].first, graph->repeats[k].first);
        assert_int_equal(same->repeats[k].length, graph->repeats[k].length);
        assert_int_equal(same->repeats[k].count, graph->repeats[k].count);
        assert_string_equal(same->repeats[k].name, graph->repeats[k].name);
    }
    assert_true(renamed->hash != graph->hash);
    assert_string_equal(renamed->layers[0].name, "part.0");
    sc_graph_free(same);
    /* From a relayered graph, whose content is the first one's, back to the first. */
    struct sc_graph *back = relayer_as_it_is(renamed, false);
    assert_true(back->hash == renamed->hash);
    sc_graph_free(renamed);
    check_graph(back);
    same_content(graph, back);
    sc_graph_free(back);
}

static void check_clusters(const struct sc_graph *graph)
{
    static const int counts[] = {1, 2, 5, 8, 16};
    int computing = 0;
    for (int i = 0; i < graph->op_count; i++)
        computing += sc_kind_source(graph->ops[i].kind) == SC_SOURCE_NONE;
    for (size_t k = 0; k < SC_LEN(counts); k++) {
        struct sc_graph *out = NULL;
        struct sc_error err = {0};
        double most = 0;
        if (counts[k] > computing)
            continue;
        enum sc_status status = sc_cluster_graph(graph, counts[k], 0.5, NULL, &out, &err);
        if (status == SC_INFEASIBLE)
            continue;
        assert_int_equal(status, SC_OK);
        assert_int_equal(out->layer_count, counts[k]);
        check_graph(out);
        same_content(graph, out);
        for (int l = 0; l < out->layer_count; l++) {
            double flops = 0;
            for (int i = 0; i < out->layers[l].op_count; i++)
                flops += out->ops[out->layers[l].first_op + i].flops;
            most = flops > most ? flops : most;
        }
        assert_true(most <= 1.5 * (1 + 1e-8) * graph->flops / counts[k]);
        sc_graph_free(out);
    }
    struct sc_graph *all = NULL;
    assert_int_equal(sc_cluster_graph(graph, 0, 0, NULL, &all, NULL), SC_OK);
    assert_int_equal(all->layer_count, computing);
    check_graph(all);
    same_content(graph, all);
    sc_graph_free(all);
}

static void test_samples(void **state)
{
    glob_t files;
    (void)state;
    assert_int_equal(glob(TEST_SOURCE_DIR "/samples/models/*.json", 0, NULL, &files), 0);
    assert_true(files.gl_pathc > 20);
    for (size_t f = 0; f < files.gl_pathc; f++) {
        struct sc_graph *graph = load(files.gl_pathv[f]);
        check_same_layers(graph);
        check_clusters(graph);
        sc_graph_free(graph);
    }
    globfree(&files);
}

/* GPT's 24 blocks: cut where they meet when there are as many parts, and folded in whatever layers. */
static void test_folding(void **state)
{
    struct sc_graph *graph = load(TEST_SOURCE_DIR "/samples/models/gpt-1.3b.json"), *all = NULL, *parts = NULL;
    struct sc_error err = {0};
    int longest = 0;
    (void)state;
    assert_int_equal(graph->repeat_count, 1);
    assert_int_equal(graph->repeats[0].count, 24);
    assert_int_equal(sc_cluster_graph(graph, 0, 0, NULL, &all, NULL), SC_OK);
    for (int k = 0; k < all->repeat_count; k++)
        longest = all->repeats[k].count > longest ? all->repeats[k].count : longest;
    assert_true(longest >= 23);
    if (sc_cluster_graph(graph, 8, 0.5, NULL, &parts, &err) != SC_OK)
        fail_msg("%s", err.message);
    for (int l = 1; l < parts->layer_count; l++) { /* one tensor, the residual stream, passes each cut */
        int passing = 0;
        for (int t = 0; t < parts->tensor_count; t++) {
            const struct sc_tensor *tensor = &parts->tensors[t];
            passing += sc_kind_source(parts->ops[tensor->op].kind) == SC_SOURCE_NONE &&
                       parts->ops[tensor->op].layer < l && tensor->use_count &&
                       parts->ops[tensor->uses[tensor->use_count - 1].op].layer >= l;
        }
        assert_int_equal(passing, 1);
    }
    sc_graph_free(parts);
    sc_graph_free(all);
    sc_graph_free(graph);
}

/* ---- by hand ---------------------------------------------------------------------------------------- */

/* x, mask → fc0 → act0 → fc1 → add mask; all in one layer, sources first. */
static struct sc_graph *make_small(void)
{
    struct sc_graph_builder *b = sc_graph_builder_new("small", "test");
    int x = INPUT(b, "x", 8, 8), mask = INPUT(b, "mask", 8, 8), w0 = WEIGHT(b, "w0", 8, 8), w1 = WEIGHT(b, "w1", 8, 8);
    int y = OP(b, "fc0", "matmul", "b h, h f -> b f", x, w0);
    y = OP(b, "act0", "relu", NULL, y);
    y = OP(b, "fc1", "matmul", "b h, h f -> b f", y, w1);
    return finish(b, OP(b, "sum", "add", NULL, y, mask));
}

static void test_sources_follow_their_readers(void **state)
{
    static const char *const order[] = {"x", "w0", "fc0", "act0", "w1", "fc1", "mask", "sum"};
    static const int layers[] = {0, 0, 0, 0, 1, 1, 2, 2};
    static const char *const names[] = {"begin", "middle", "end"};
    struct sc_graph *graph = make_small(), *out = NULL;
    (void)state;
    assert_int_equal(sc_graph_relayer(graph, 3, (int[]){0, 6, 7}, names, &out, NULL), SC_OK);
    assert_true(out->hash != graph->hash);
    check_graph(out);
    same_content(graph, out);
    sc_graph_free(graph); /* what they share stays */
    for (int i = 0; i < out->op_count; i++) {
        assert_string_equal(out->ops[i].name, order[i]);
        assert_int_equal(out->ops[i].layer, layers[i]);
    }
    assert_string_equal(out->layers[1].name, "middle");
    sc_graph_free(out);
}

static void test_refusals(void **state)
{
    static const char *const twice[] = {"a", "a"};
    struct sc_graph *graph = make_small(), *out = graph;
    struct sc_error err = {0};
    (void)state;
    assert_int_equal(sc_graph_relayer(graph, 0, (int[]){0}, NULL, &out, &err), SC_INPUT);
    assert_null(out);
    assert_int_equal(sc_graph_relayer(graph, 9, (int[]){0, 1, 2, 3, 4, 5, 6, 7, 8}, NULL, &out, &err), SC_INPUT);
    assert_int_equal(sc_graph_relayer(graph, 2, (int[]){1, 5}, NULL, &out, &err), SC_INPUT);
    assert_int_equal(sc_graph_relayer(graph, 2, (int[]){0, 8}, NULL, &out, &err), SC_INPUT);
    assert_int_equal(sc_graph_relayer(graph, 3, (int[]){0, 6, 6}, NULL, &out, &err), SC_INPUT);
    assert_int_equal(sc_graph_relayer(graph, 2, (int[]){0, -1}, NULL, &out, &err), SC_INPUT);
    assert_non_null(strstr(err.message, "layer 1 cannot begin at op -1"));
    assert_int_equal(sc_graph_relayer(graph, 3, (int[]){0, 1, 3}, NULL, &out, &err), SC_INPUT);
    assert_non_null(strstr(err.message, "layer 0 would have no op that computes"));
    assert_int_equal(sc_graph_relayer(graph, 2, (int[]){0, 6}, twice, &out, &err), SC_INPUT);
    assert_non_null(strstr(err.message, "both named \"a\""));
    assert_int_equal(sc_cluster_graph(graph, 5, 9, NULL, &out, &err), SC_INPUT);
    assert_int_equal(sc_cluster_graph(graph, -1, 9, NULL, &out, &err), SC_INPUT);
    assert_int_equal(sc_cluster_graph(graph, 4, 0, NULL, &out, &err), SC_INFEASIBLE);
    sc_graph_free(graph);
}

static void test_failing_memory(void **state)
{
    struct sc_graph *graph = make_small();
    (void)state;
    faults_begin();
    for (int n = 0, hit = 1; hit; n++) {
        struct sc_graph *out = NULL;
        int before = faults_held();
        faults_after(n);
        enum sc_status status = sc_cluster_graph(graph, n % 3, 1, NULL, &out, NULL);
        hit = faults_hit();
        sc_graph_free(out);
        assert_int_equal(status, hit ? SC_NO_MEMORY : SC_OK);
        assert_int_equal(faults_held(), before);
        assert_true(n < 1000 && (hit || n > 5));
    }
    faults_end();
    sc_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_sources_follow_their_readers),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
