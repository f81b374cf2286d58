/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Parallel methods as sets of pins, and the best number of microbatches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "import/import.h"
#include "plan/plan.h"

static struct sc_loader loader;

static void set(struct sc_settings *s, const char *name, const char *value)
{
    struct sc_error err = {0};
    if (sc_settings_set(s, name, value, &err) != SC_OK)
        fail_msg("--%s %s: %s", name, value, err.message);
}

static void start(struct sc_settings *s, const char *devices)
{
    sc_settings_init(s);
    assert_true(sc_settings_set_model(s, "gpt-125m"));
    set(s, "set", "layers=3");
    set(s, "devices", devices);
    set(s, "batch", "64");
    set(s, "microbatches", "4");
}

static enum sc_status make(const struct sc_settings *s, struct sc_plan **out, struct sc_error *err)
{
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_plan_request request = {.settings = s, .work_limit = 2000000};
    enum sc_status status = sc_planner_make(planner, &request, out, err);
    sc_planner_free(planner);
    return status;
}

static struct sc_plan *must(const struct sc_settings *s)
{
    struct sc_error err = {0};
    struct sc_plan *plan = NULL;
    if (make(s, &plan, &err) != SC_OK)
        fail_msg("%s", err.message);
    return plan;
}

static const struct sc_strategy *strategy_of(const struct sc_plan *whole, const char *name)
{
    int op = sc_graph_find_op(whole->graph, name);
    assert_true(op >= 0);
    const struct sc_plan *plan = sc_plan_of_op(whole, op);
    int node = plan->costs->op_node[op];
    return &plan->costs->nodes[node].set->at[plan->choice[node]];
}

static const char *const weights[] = {"layer.1.attn.q.w", "layer.1.attn.out.w", "layer.1.mlp.fc1.w",
                                      "layer.1.mlp.fc2.w"};

/* Every product shards its batch over all axes; parameters as the method says. */
static void data_parallel_family(void **state)
{
    (void)state;
    static const char *const methods[] = {"data", "zero-1", "zero-2", "zero-3"};
    struct sc_settings s;
    start(&s, "4");
    struct sc_plan *free_plan = must(&s);
    double before = INFINITY;
    for (size_t m = 0; m < SC_LEN(methods); m++) {
        set(&s, "method", methods[m]);
        struct sc_plan *plan = must(&s);
        assert_int_equal(plan->status, SC_SOLVED_OPTIMAL);
        assert_true(plan->objective_s >= free_plan->objective_s);
        assert_string_equal(plan->settings.method, methods[m]);
        assert_int_equal(plan->pin_count, 0);
        unsigned all = 0;
        for (int a = 0; a < plan->costs->mesh.axes.count; a++)
            all |= plan->costs->mesh.axes.size[a] > 1 ? 1u << a : 0;
        assert_int_equal(sc_spec_dim_axes(strategy_of(plan, "layer.1.mlp.fc1")->result[0], 0), all);
        for (size_t i = 0; i < SC_LEN(weights); i++) {
            const struct sc_strategy *w = strategy_of(plan, weights[i]);
            assert_int_equal(w->state_axes, m == 1 || m == 2 ? all : 0);
            assert_int_equal(w->shard_gradient, m == 2);
            assert_int_equal(sc_spec_axes(w->result[0]), m == 3 ? all : 0);
        }
        double held = plan->memory.parameters + plan->memory.gradients + plan->memory.optimizer;
        assert_true(held < before); /* each of them saves more */
        before = held;
        sc_plan_free(plan);
    }
    sc_plan_free(free_plan);
    sc_settings_free(&s);
}

/* Column, then row; the batch over the other axis; the same with stages. */
static void megatron(void **state)
{
    (void)state;
    static const int dims[] = {1, 0, 1, 0};
    static const char *const shapes[] = {"megatron:4x1x2", "megatron:2x2x2", "megatron:8x1x1", "megatron:4x2x1"};
    for (size_t m = 0; m < SC_LEN(shapes); m++) {
        struct sc_settings s;
        start(&s, "8");
        set(&s, "method", shapes[m]);
        struct sc_plan *plan = must(&s);
        int tensor = shapes[m][9] - '0', stages = shapes[m][11] - '0', data = shapes[m][13] - '0';
        assert_true(plan->choice != NULL);
        assert_int_equal(plan->stage_count, stages);
        for (size_t i = 0; i < SC_LEN(weights); i++) {
            const struct sc_strategy *w = strategy_of(plan, weights[i]);
            unsigned axes = sc_spec_axes(w->result[0]);
            const struct sc_axes *mesh =
                &sc_plan_of_op(plan, sc_graph_find_op(plan->graph, weights[i]))->costs->mesh.axes;
            assert_int_equal(sc_axes_product(mesh, axes), tensor);
            assert_int_equal(sc_spec_dim_axes(w->result[0], dims[i]), axes);
            assert_int_equal(sc_axes_product(mesh, 7u), tensor * data);
        }
        sc_plan_free(plan);
        sc_settings_free(&s);
    }
}

static void one_level_only(void **state)
{
    (void)state;
    struct sc_settings s;
    start(&s, "4");
    set(&s, "stages", "auto");
    struct sc_plan *best = must(&s);
    set(&s, "method", "inter-op");
    struct sc_plan *inter = must(&s);
    assert_int_equal(inter->stage_count, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(inter->stages[i].hosts * inter->stages[i].devices, 1);
    set(&s, "method", "intra-op");
    struct sc_plan *intra = must(&s);
    assert_int_equal(intra->stage_count, 1);
    assert_true(best->objective_s <= fmin(inter->objective_s, intra->objective_s) * (1 + 1e-12));
    sc_plan_free(best);
    sc_plan_free(inter);
    sc_plan_free(intra);
    sc_settings_free(&s);
}

static void pins_win_and_conflicts_are_named(void **state)
{
    (void)state;
    struct sc_settings s;
    struct sc_error err = {0};
    struct sc_plan *plan = NULL;
    start(&s, "4");
    set(&s, "mesh", "4");
    set(&s, "method", "data");
    set(&s, "pin", "layer.1.mlp.fc1.w=f@x");
    plan = must(&s);
    assert_int_equal(sc_spec_dim_axes(strategy_of(plan, "layer.1.mlp.fc1.w")->result[0], 1), 1);
    assert_int_equal(sc_spec_axes(strategy_of(plan, "layer.2.mlp.fc1.w")->result[0]), 0);
    sc_plan_free(plan);
    set(&s, "memory", "2.2");
    plan = must(&s);
    assert_int_equal(plan->status, SC_SOLVED_INFEASIBLE);
    assert_int_equal(plan->conflict_count, 2);
    assert_string_equal(plan->conflicts[0], "method data");
    sc_plan_free(plan);
    set(&s, "stages", "2");
    assert_int_equal(make(&s, &plan, &err), SC_USAGE);
    assert_non_null(strstr(err.message, "leave --stages out"));
    sc_settings_free(&s);
    start(&s, "4");
    set(&s, "method", "megatron:2x2x2");
    assert_int_equal(make(&s, &plan, &err), SC_USAGE);
    assert_non_null(strstr(err.message, "is for 8 devices, and there are 4"));
    assert_int_equal(sc_settings_set(&s, "method", "megatron", &err), SC_USAGE);
    assert_int_equal(sc_settings_set(&s, "method", "zero-4", &err), SC_USAGE);
    sc_settings_free(&s);
}

/* A batch that does not divide: as far as it goes. */
static void followed_as_far_as_it_goes(void **state)
{
    (void)state;
    struct sc_settings s;
    start(&s, "8");
    set(&s, "batch", "8");
    set(&s, "microbatches", "4");
    set(&s, "mesh", "2x4");
    set(&s, "method", "data");
    struct sc_plan *plan = must(&s);
    assert_true(plan->choice != NULL);
    assert_int_equal(sc_spec_dim_axes(strategy_of(plan, "layer.1.mlp.fc1")->result[0], 0), 1); /* 2 samples over x */
    sc_plan_free(plan);
    sc_settings_free(&s);
}

static void best_number_of_microbatches(void **state)
{
    (void)state;
    static const char *const stages[] = {"1", "2"};
    for (size_t i = 0; i < SC_LEN(stages); i++) {
        struct sc_settings s;
        start(&s, "4");
        set(&s, "batch", "24");
        set(&s, "stages", stages[i]);
        double least = INFINITY;
        for (int b = 1; b <= 24; b++) {
            char text[8];
            if (24 % b)
                continue;
            snprintf(text, sizeof text, "%d", b);
            set(&s, "microbatches", text);
            struct sc_plan *plan = must(&s);
            least = fmin(least, plan->objective_s);
            sc_plan_free(plan);
        }
        set(&s, "microbatches", "auto");
        struct sc_plan *plan = must(&s);
        assert_true(plan->objective_s == least);
        assert_int_equal(plan->status, SC_SOLVED_OPTIMAL);
        assert_int_equal(plan->settings.microbatches, -1);
        assert_int_equal(24 % plan->graph->microbatches, 0);
        sc_plan_free(plan);
        sc_settings_free(&s);
    }
}

/* Six devices a host: sets of submeshes are nested, so are their optima; listed ones are all that is taken. */
static void submeshes_on_request(void **state)
{
    (void)state;
    static const char *const sets[] = {"1x6", "1x1,1x2,1x6", "powers", "alpa", "all"};
    struct sc_settings s;
    double before = INFINITY;
    start(&s, "6");
    set(&s, "batch", "48");
    set(&s, "stages", "1-6");
    for (size_t i = 0; i < SC_LEN(sets); i++) {
        set(&s, "submeshes", sets[i]);
        struct sc_plan *plan = must(&s);
        assert_true(plan->choice != NULL);
        assert_true(plan->objective_s <= before * (1 + 1e-12));
        before = plan->objective_s;
        for (int k = 0; k < plan->stage_count; k++)
            assert_true(i > 0 || plan->stages[k].devices == 6);
        sc_plan_free(plan);
    }
    set(&s, "submeshes", "1x5");
    struct sc_plan *plan = must(&s); /* six devices are no multiple of five */
    assert_int_equal(plan->status, SC_SOLVED_INFEASIBLE);
    sc_plan_free(plan);
    struct sc_error err = {0};
    set(&s, "submeshes", "2x6");
    assert_int_equal(make(&s, &plan, &err), SC_USAGE);
    assert_int_equal(sc_settings_set(&s, "submeshes", "1x2,", &err), SC_USAGE);
    assert_int_equal(sc_settings_set(&s, "submeshes", "1x0", &err), SC_USAGE);
    sc_settings_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_parallel_family),
        cmocka_unit_test(megatron),
        cmocka_unit_test(one_level_only),
        cmocka_unit_test(pins_win_and_conflicts_are_named),
        cmocka_unit_test(followed_as_far_as_it_goes),
        cmocka_unit_test(best_number_of_microbatches),
        cmocka_unit_test(submeshes_on_request),
    };
    loader = sc_import_loader();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
