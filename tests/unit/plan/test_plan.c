/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From settings to plans on real samples: pins and their status, conflicts, exact differences, parts, files, pricing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "import/import.h"

static struct sc_loader loader;

static struct sc_settings settings_of(const char *model, const char *cluster)
{
    struct sc_settings settings;
    sc_settings_init(&settings);
    assert_true(sc_settings_set_model(&settings, model));
    assert_int_equal(sc_settings_set(&settings, "cluster", cluster, NULL), SC_OK);
    return settings;
}

static void set(struct sc_settings *settings, const char *name, const char *value)
{
    struct sc_error err = {0};
    if (sc_settings_set(settings, name, value, &err) != SC_OK)
        fail_msg("%s", err.message);
}

static struct sc_plan *make(struct sc_planner *planner, const struct sc_settings *settings, bool deltas)
{
    struct sc_error err = {0};
    struct sc_plan *plan = NULL;
    struct sc_plan_request request = {.settings = settings, .deltas = deltas};
    if (sc_planner_make(planner, &request, &plan, &err) != SC_OK)
        fail_msg("%s", err.message);
    return plan;
}

static int op_of(const struct sc_plan *plan, const char *name)
{
    int op = sc_graph_find_op(plan->graph, name);
    assert_true(op >= 0);
    return op;
}

static void test_parts_sum_to_the_objective(void **state)
{
    static const char *const models[] = {"mlp-2", "gpt-125m", "moe-380m", "u-net"};
    struct sc_planner *planner = sc_planner_new(&loader);
    (void)state;
    for (size_t i = 0; i < SC_LEN(models); i++) {
        struct sc_settings settings = settings_of(models[i], "a100-80");
        struct sc_plan *plan = make(planner, &settings, false);
        const struct sc_parts *p = &plan->parts;
        double sum = p->compute + p->optimizer + p->all_reduce + p->reduce_scatter + p->all_gather + p->all_to_all +
                     p->permute + p->resharding + p->cross_mesh + p->bubble + p->terms, ops = 0;
        assert_int_equal(plan->status, SC_SOLVED_OPTIMAL);
        assert_true(fabs(sum - plan->objective_s) <= 1e-7 * plan->objective_s);
        for (int op = 0; op < plan->graph->op_count; op++)
            ops += sc_plan_op_cost(plan, op).total_s;
        assert_true(fabs(ops - plan->objective_s) <= 1e-7 * plan->objective_s);
        assert_true(plan->peak_bytes <= plan->costs->memory_bytes);
        sc_plan_free(plan);
        sc_settings_free(&settings);
    }
    sc_planner_free(planner);
}

/* The Δ of a candidate is what forcing it costs, found by planning again with that pin. */
static void test_deltas_are_what_pins_cost(void **state)
{
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_settings settings = settings_of("mlp-2", "toy-2x2");
    set(&settings, "mesh", "2x2");
    struct sc_plan *plan = make(planner, &settings, true);
    int checked = 0;
    (void)state;
    for (int op = 0; op < plan->graph->op_count; op++) {
        struct sc_candidate *candidates;
        int count, node = plan->costs->op_node[op];
        assert_int_equal(sc_plan_candidates(plan, op, &candidates, &count, NULL), SC_OK);
        double *delta = sc_calloc((size_t)count, sizeof *delta);
        bool *exact = sc_calloc((size_t)count, sizeof *exact);
        assert_int_equal(sc_plan_exact_delta(plan, node, delta, exact, NULL, NULL), SC_OK);
        sc_plan_candidates_refine(plan, op, candidates, count, delta, exact);
        for (int i = 0; i < count; i++) {
            char pin[160];
            struct sc_settings pinned;
            assert_true(candidates[i].exact);
            assert_true(sc_settings_copy(&pinned, &settings));
            snprintf(pin, sizeof pin, "%s=%s", plan->graph->ops[op].name, candidates[i].strategy);
            set(&pinned, "pin", pin);
            struct sc_plan *other = make(planner, &pinned, false);
            if (isfinite(candidates[i].delta_s)) {
                assert_int_equal(other->status, SC_SOLVED_OPTIMAL);
                assert_int_equal(other->pins[0].state, SC_PIN_OBEYED);
                assert_true(other->objective_s - plan->objective_s == candidates[i].delta_s);
            } else {
                assert_int_equal(other->status, SC_SOLVED_INFEASIBLE);
            }
            sc_plan_free(other);
            sc_settings_free(&pinned);
            checked++;
        }
        sc_free(delta);
        sc_free(exact);
        sc_free(candidates);
    }
    assert_true(checked > 100);
    sc_plan_free(plan);
    sc_settings_free(&settings);
    sc_planner_free(planner);
}

/* On every sample and any op: a pin never makes the plan better than the free one, and is obeyed. */
static void test_pins_never_win(void **state)
{
    struct sc_import_samples samples;
    struct sc_planner *planner = sc_planner_new(&loader);
    uint64_t seed = 11;
    (void)state;
    assert_int_equal(sc_import_samples_find("models", &samples, NULL), SC_OK);
    assert_true(samples.count >= 20);
    for (int i = 0; i < samples.count; i++) {
        struct sc_settings settings = settings_of(samples.at[i].name, "h100");
        set(&settings, "mesh", "2x4");
        set(&settings, "memory", "100000");
        struct sc_plan *plan = make(planner, &settings, false);
        assert_int_equal(plan->status, SC_SOLVED_OPTIMAL);
        for (int k = 0; k < 4; k++) {
            int op = (int)sc_random_below(&seed, (uint64_t)plan->graph->op_count);
            const struct sc_strategies *set_of = plan->costs->nodes[plan->costs->op_node[op]].set;
            const struct sc_strategy *strategy = &set_of->at[sc_random_below(&seed, (uint64_t)set_of->count)];
            char text[64], pin[256], is[64];
            struct sc_settings pinned;
            sc_strategy_format(plan->graph, op, strategy, text, sizeof text);
            snprintf(pin, sizeof pin, "%s=%s", plan->graph->ops[op].name, text);
            assert_true(sc_settings_copy(&pinned, &settings));
            set(&pinned, "pin", pin);
            struct sc_plan *other = make(planner, &pinned, false);
            assert_int_equal(other->pins[0].state, SC_PIN_OBEYED);
            assert_non_null(other->choice);
            assert_true(other->objective_s >= plan->objective_s);
            sc_plan_op_strategy(other, op, is, sizeof is);
            assert_string_equal(is, text);
            sc_plan_free(other);
            sc_settings_free(&pinned);
        }
        sc_plan_free(plan);
        sc_settings_free(&settings);
    }
    sc_import_samples_free(&samples);
    sc_planner_free(planner);
}

static void test_pin_states(void **state)
{
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_settings settings = settings_of("mlp-2", "toy-1x4");
    (void)state;
    set(&settings, "mesh", "2x2");
    set(&settings, "pin", "nothing.*=b@x");
    set(&settings, "pin", "layer.0.fc=q@x");
    set(&settings, "pin", "layer.1.fc=b@x");
    set(&settings, "pin", "layer.1.*=b@xy");
    set(&settings, "pin", "layer.0.fc=f@y b@x"); /* any order of axes */
    struct sc_plan *plan = make(planner, &settings, false);
    static const enum sc_pin_state want[] = {SC_PIN_NO_OP, SC_PIN_NO_STRATEGY, SC_PIN_OVERRIDDEN, SC_PIN_OBEYED,
                                             SC_PIN_OBEYED};
    assert_int_equal(plan->pin_count, SC_LEN(want));
    for (size_t i = 0; i < SC_LEN(want); i++)
        assert_int_equal(plan->pins[i].state, want[i]);
    char text[64];
    sc_plan_op_strategy(plan, op_of(plan, "layer.0.fc"), text, sizeof text);
    assert_string_equal(text, "b@x f@y");
    assert_true(plan->pinned[op_of(plan, "layer.0.fc")]);
    assert_false(plan->pinned[op_of(plan, "loss")]);
    sc_plan_free(plan);
    set(&settings, "pin", "layer.1.fc=free");
    plan = make(planner, &settings, false);
    assert_false(plan->pinned[op_of(plan, "layer.1.fc")]);
    sc_plan_free(plan);
    sc_settings_free(&settings);
    sc_planner_free(planner);
}

/* A limit that a replicated parameter breaks: exactly that pin and the memory are named, not the innocent one. */
static void test_conflict_is_smallest(void **state)
{
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_settings settings = settings_of("mlp-12", "toy-1x4");
    (void)state;
    set(&settings, "mesh", "4");
    set(&settings, "pin", "loss=b@x");
    set(&settings, "pin", "layer.*.fc.w=(none)");
    set(&settings, "memory", "0.12");
    struct sc_plan *plan = make(planner, &settings, false);
    assert_int_equal(plan->status, SC_SOLVED_INFEASIBLE);
    assert_null(plan->choice);
    assert_int_equal(plan->conflict_count, 2);
    assert_non_null(strstr(plan->conflicts[0], "layer.*.fc.w=(none)"));
    assert_non_null(strstr(plan->conflicts[1], "memory"));
    assert_int_equal(plan->pins[0].state, SC_PIN_OBEYED);
    assert_int_equal(plan->pins[1].state, SC_PIN_CONFLICT);
    sc_plan_free(plan);
    sc_settings_free(&settings);
    sc_planner_free(planner);
}

static void write_and_read(struct sc_planner *planner, const struct sc_plan *plan, struct sc_plan_file **file)
{
    char path[] = "/tmp/stagecut-plan-XXXXXX";
    struct sc_str text = {0};
    struct sc_error err = {0};
    int fd = mkstemp(path);
    (void)planner;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(sc_plan_write_json(plan, &text, &err), SC_OK);
    assert_int_equal(sc_file_write(path, sc_str_text(&text), text.length, &err), SC_OK);
    if (sc_plan_file_load(path, file, &err) != SC_OK)
        fail_msg("%s: %s", err.path, err.message);
    unlink(path);
    sc_str_free(&text);
}

/* A plan read back costs the same to the last bit; on a faster machine the same strategies cost less. */
static void test_price(void **state)
{
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_settings settings = settings_of("gpt-125m", "p3.16xlarge"), faster;
    struct sc_plan *plan = make(planner, &settings, false), *again = NULL, *there = NULL;
    struct sc_plan_file *file;
    struct sc_error err = {0};
    struct sc_str text = {0};
    (void)state;
    write_and_read(planner, plan, &file);
    assert_true(sc_plan_file_objective(file) == plan->objective_s);
    assert_int_equal(sc_plan_file_price(planner, file, sc_plan_file_settings(file), &again, &err), SC_OK);
    assert_true(again->objective_s == plan->objective_s);
    assert_true(sc_settings_copy(&faster, sc_plan_file_settings(file)));
    set(&faster, "cluster", "a100-80");
    assert_int_equal(sc_plan_file_price(planner, file, &faster, &there, &err), SC_OK);
    assert_true(there->objective_s < plan->objective_s);
    for (int op = 0; op < plan->graph->op_count; op++) {
        char a[64], b[64];
        sc_plan_op_strategy(plan, op, a, sizeof a);
        sc_plan_op_strategy(there, op, b, sizeof b);
        assert_string_equal(a, b);
    }
    assert_int_equal(sc_plan_diff(plan, there, false, &text, &err), SC_OK);
    assert_non_null(strstr(sc_str_text(&text), "setting cluster: p3.16xlarge -> a100-80"));
    assert_non_null(strstr(sc_str_text(&text), "0 ops differ"));
    sc_str_free(&text);
    sc_settings_free(&faster);
    sc_plan_file_free(file);
    sc_plan_free(there);
    sc_plan_free(again);
    sc_plan_free(plan);
    sc_settings_free(&settings);
    sc_planner_free(planner);
}

static void test_why_names_what_is_paid(void **state)
{
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_settings settings = settings_of("gpt-125m", "p3.16xlarge");
    struct sc_str text = {0};
    (void)state;
    set(&settings, "mesh", "8");
    set(&settings, "pin", "layer.3.mlp.fc2=f@x");
    struct sc_plan *plan = make(planner, &settings, true);
    assert_int_equal(sc_plan_why(plan, op_of(plan, "layer.3.mlp.fc2"), -1, NULL, &text, NULL), SC_OK);
    assert_non_null(strstr(sc_str_text(&text), "because it is pinned"));
    assert_non_null(strstr(sc_str_text(&text), "all-reduce"));
    assert_non_null(strstr(sc_str_text(&text), "shorter"));
    sc_str_free(&text);
    sc_plan_free(plan);
    sc_settings_free(&settings);
    sc_planner_free(planner);
}

/* Memory that only rematerialisation meets: "auto" finds it, and is never worse than either. */
static void test_remat_auto(void **state)
{
    struct sc_planner *planner = sc_planner_new(&loader);
    double cost[3];
    static const char *const modes[] = {"none", "layer", "auto"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct sc_settings settings = settings_of("gpt-125m", "p3.16xlarge");
        set(&settings, "mesh", "8");
        set(&settings, "remat", modes[i]);
        struct sc_plan *plan = make(planner, &settings, false);
        cost[i] = plan->choice ? plan->objective_s : INFINITY;
        sc_plan_free(plan);
        sc_settings_free(&settings);
    }
    assert_true(cost[1] > cost[0]); /* recomputation is work */
    assert_true(cost[2] == fmin(cost[0], cost[1]));
    sc_planner_free(planner);
}

static void test_modes(void **state)
{
    struct sc_planner *planner = sc_planner_new(&loader);
    (void)state;
    double seconds[SC_MODE_COUNT];
    for (int mode = 0; mode < SC_MODE_COUNT; mode++) {
        struct sc_settings settings = settings_of("gpt-125m", "a100-80");
        set(&settings, "mode", sc_mode_name((enum sc_mode)mode));
        set(&settings, "batch", "64");
        set(&settings, "microbatches", "1");
        struct sc_plan *plan = make(planner, &settings, false);
        assert_int_equal(plan->status, SC_SOLVED_OPTIMAL);
        seconds[mode] = plan->objective_s;
        assert_true((plan->memory.gradients > 0) == (mode == SC_TRAIN));
        assert_true((plan->memory.optimizer > 0) == (mode == SC_TRAIN));
        assert_true((plan->memory.cache > 0) == (mode != SC_TRAIN)); /* prefill leaves keys and values */
        sc_plan_free(plan);
        sc_settings_free(&settings);
    }
    assert_true(seconds[SC_TRAIN] > 2 * seconds[SC_PREFILL]);
    assert_true(seconds[SC_PREFILL] > 4 * seconds[SC_DECODE]);
    sc_planner_free(planner);
}

int main(void)
{
    loader = sc_import_loader();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_sum_to_the_objective), cmocka_unit_test(test_deltas_are_what_pins_cost),
        cmocka_unit_test(test_pins_never_win),             cmocka_unit_test(test_pin_states),
        cmocka_unit_test(test_conflict_is_smallest),       cmocka_unit_test(test_price),
        cmocka_unit_test(test_why_names_what_is_paid),     cmocka_unit_test(test_remat_auto),
        cmocka_unit_test(test_modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
