/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Plans of several stages: constraints are obeyed or refused with words, the file of a plan prices to the same number,
 * and questions about an op go to its stage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import/import.h"
#include "plan/plan.h"

static struct sc_loader loader;

static void set(struct sc_settings *s, const char *name, const char *value)
{
    struct sc_error err = {0};
    if (sc_settings_set(s, name, value, &err) != SC_OK)
        fail_msg("%s %s: %s", name, value, err.message);
}

static void start(struct sc_settings *s)
{
    sc_settings_init(s);
    sc_settings_set_model(s, "gpt-125m");
    set(s, "set", "layers=6");
    set(s, "cluster", "h100:2");
    set(s, "stages", "auto");
}

static enum sc_status make(const struct sc_settings *settings, struct sc_plan **out, struct sc_error *err)
{
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_plan_request request = {.settings = settings};
    *out = NULL;
    enum sc_status status = sc_planner_make(planner, &request, out, err);
    sc_planner_free(planner);
    return status;
}

static struct sc_plan *must(const struct sc_settings *settings)
{
    struct sc_error err = {0};
    struct sc_plan *plan;
    if (make(settings, &plan, &err) != SC_OK)
        fail_msg("%s", err.message);
    return plan;
}

/* Stages are runs of layers in order on all devices, and each stage's plan is of its layers. */
static void check_shape(const struct sc_plan *plan)
{
    int layer = 0, device = 0;
    assert_true(plan->stage_count >= 1);
    for (int i = 0; i < plan->stage_count; i++) {
        const struct sc_plan_stage *s = &plan->stages[i];
        assert_int_equal(s->first_layer, layer);
        assert_int_equal(s->first_device, device);
        layer = s->last_layer + 1;
        device += s->hosts * s->devices;
        assert_true(s->plan->peak_bytes <= s->plan->costs->memory_bytes);
        assert_true(s->stage_s > 0 && s->stage_s >= s->microbatch_s);
        for (int op = 0; op < plan->graph->op_count; op++)
            if (sc_plan_stage_of_op(plan, op) == i)
                assert_ptr_equal(sc_plan_of_op(plan, op), s->plan);
    }
    assert_int_equal(layer, plan->graph->layer_count);
    assert_int_equal(device, plan->cluster->hosts * plan->cluster->devices_per_host);
}

static bool begins_at(const struct sc_plan *plan, int layer)
{
    for (int i = 0; i < plan->stage_count; i++)
        if (plan->stages[i].first_layer == layer)
            return true;
    return false;
}

static void constraints_are_obeyed(void **state)
{
    (void)state;
    struct sc_settings s;
    start(&s);
    struct sc_plan *free = must(&s);
    check_shape(free);
    assert_int_equal(free->status, SC_SOLVED_OPTIMAL);
    struct sc_settings cut;
    assert_true(sc_settings_copy(&cut, &s));
    set(&cut, "cut", "layer.3");
    set(&cut, "no-cut", "layer.2");
    struct sc_plan *plan = must(&cut);
    check_shape(plan);
    assert_true(begins_at(plan, 4) && !begins_at(plan, 3)); /* layer 0 is the embedding */
    assert_true(plan->objective_s >= free->objective_s);
    sc_plan_free(plan);
    set(&cut, "stages", "3");
    set(&cut, "stage-mesh", "1=1x4:2x2");
    plan = must(&cut);
    check_shape(plan);
    assert_int_equal(plan->stage_count, 3);
    assert_int_equal(plan->stages[1].devices, 4);
    assert_int_equal(plan->stages[1].plan->costs->mesh.axes.count, 2);
    assert_true(plan->objective_s >= free->objective_s);
    sc_plan_free(plan);
    sc_plan_free(free);
    sc_settings_free(&cut);
    sc_settings_free(&s);
}

static void refused(const char *name, const char *value, const char *words)
{
    struct sc_settings s;
    struct sc_error err = {0};
    struct sc_plan *plan;
    start(&s);
    set(&s, name, value);
    enum sc_status status = make(&s, &plan, &err);
    if (status != SC_USAGE || !strstr(err.message, words))
        fail_msg("--%s %s: %s '%s'; expected '%s'", name, value, sc_status_message(status), err.message, words);
    sc_settings_free(&s);
}

static void wrong_constraints_are_explained(void **state)
{
    (void)state;
    refused("cut", "layer.9", "did you mean layer.");
    refused("cut", "99", "0 to 7");
    refused("no-cut", "0", "first stage always begins");
    refused("stage-mesh", "0=1x4", "--stages N");
    refused("layers", "1000", "expected");
    refused("mesh", "4x4", "--stage-mesh");
}

static void what_cannot_be_is_named(void **state)
{
    (void)state;
    struct sc_settings s;
    start(&s);
    set(&s, "memory", "0.01");
    struct sc_plan *plan = must(&s);
    assert_int_equal(plan->status, SC_SOLVED_INFEASIBLE);
    assert_null(plan->choice);
    assert_true(plan->conflict_count >= 1);
    assert_non_null(strstr(plan->conflicts[plan->conflict_count - 1], "memory"));
    sc_plan_free(plan);
    sc_settings_free(&s);
}

/* The set that is named has no plan, and has one when any member is left out. */
static void conflicts_are_smallest(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *text;
        bool needed;
    } given[] = {
        {"cut", "layer.1", "cut layer.1", true},          {"cut", "layer.3", "cut layer.3", true},
        {"no-cut", "layer.2", "no cut layer.2", false},   {"pin", "layer.4.mlp.fc1=(none)", "pin", false},
        {"pin", "layer.5.mlp.fc2=b@x f@y", "pin", false}, {"stages", "2", "2 stages", true},
    };
    for (int left_out = -1; left_out < (int)SC_LEN(given); left_out++) {
        struct sc_settings s;
        start(&s);
        set(&s, "cluster", "h100");
        for (int i = 0; i < (int)SC_LEN(given); i++)
            if (i != left_out)
                set(&s, given[i].name, given[i].value);
        struct sc_plan *plan = must(&s);
        if (left_out < 0) {
            assert_int_equal(plan->status, SC_SOLVED_INFEASIBLE);
            assert_int_equal(plan->conflict_count, 3);
            for (int i = 0, k = 0; i < (int)SC_LEN(given); i++)
                if (given[i].needed)
                    assert_string_equal(plan->conflicts[k++], given[i].text);
        } else {
            assert_int_equal(plan->choice != NULL, given[left_out].needed);
        }
        sc_plan_free(plan);
        sc_settings_free(&s);
    }
}

/* A pin forbids meshes that have no such strategy; when no mesh is left, the pin is named. */
static void pins_choose_the_mesh(void **state)
{
    (void)state;
    struct sc_settings s;
    start(&s);
    set(&s, "cluster", "h100");
    set(&s, "pin", "layer.2.mlp.fc1=b@x f@y");
    struct sc_plan *plan = must(&s);
    const struct sc_plan *part = sc_plan_of_op(plan, sc_graph_find_op(plan->graph, "layer.2.mlp.fc1"));
    assert_int_equal(part->costs->mesh.axes.count, 2);
    sc_plan_free(plan);
    set(&s, "stages", "8");
    plan = must(&s);
    assert_int_equal(plan->status, SC_SOLVED_INFEASIBLE);
    assert_int_equal(plan->conflict_count, 2);
    assert_string_equal(plan->conflicts[0], "pin layer.2.mlp.fc1=b@x f@y");
    assert_string_equal(plan->conflicts[1], "8 stages");
    assert_int_equal(plan->pins[0].state, SC_PIN_CONFLICT);
    sc_plan_free(plan);
    sc_settings_free(&s);
}

/* The difference of a candidate is that of the plan with the same stages in which it is pinned. */
static void differences_keep_the_stages(void **state)
{
    (void)state;
    static const char *const objectives[] = {"pipeline", "sum", "throughput"};
    for (size_t i = 0; i < SC_LEN(objectives); i++) {
        struct sc_settings s;
        char text[128];
        int checked = 0;
        start(&s);
        set(&s, "stages", "2");
        set(&s, "stage-mesh", "0=1x8:2x4");
        set(&s, "stage-mesh", "1=1x8:2x4");
        set(&s, "cut", "layer.2");
        set(&s, "objective", objectives[i]);
        struct sc_plan *plan = must(&s);
        static const char *const names[] = {"layer.0.mlp.fc1", "layer.4.attn.out"};
        for (size_t k = 0; k < SC_LEN(names); k++) {
            int op = sc_graph_find_op(plan->graph, names[k]), count;
            const struct sc_plan *part = sc_plan_of_op(plan, op);
            int node = part->costs->op_node[op], choices = part->costs->nodes[node].set->count;
            double *delta = sc_calloc((size_t)choices, sizeof *delta);
            bool *exact = sc_calloc((size_t)choices, sizeof *exact);
            struct sc_candidate *candidates;
            assert_int_equal(sc_plan_exact_delta(part, node, delta, exact, NULL, NULL), SC_OK);
            assert_int_equal(sc_plan_candidates(plan, op, &candidates, &count, NULL), SC_OK);
            sc_plan_candidates_refine(plan, op, candidates, count, delta, exact);
            for (int c = 0; c < count; c += 3) {
                struct sc_settings pinned;
                if (!candidates[c].exact || !isfinite(candidates[c].delta_s))
                    continue;
                assert_true(sc_settings_copy(&pinned, &s));
                snprintf(text, sizeof text, "%s=%s", names[k], candidates[c].strategy);
                set(&pinned, "pin", text);
                struct sc_plan *other = must(&pinned);
                double found = other->objective_s - plan->objective_s;
                if (fabs(found - candidates[c].delta_s) > 1e-9 * plan->objective_s)
                    fail_msg("%s: %.12g s, pinned %.12g s", text, candidates[c].delta_s, found);
                checked++;
                sc_plan_free(other);
                sc_settings_free(&pinned);
            }
            sc_free(candidates);
            sc_free(delta);
            sc_free(exact);
        }
        assert_true(checked > 4);
        sc_plan_free(plan);
        sc_settings_free(&s);
    }
}

/* The formula of a plan's own schedule gives the plan's iteration, and its simulation holds what the plan says. */
static void schedules_agree(void **state)
{
    (void)state;
    static const char *const schedules[] = {"1f1b", "gpipe", "interleaved"};
    for (size_t i = 0; i < SC_LEN(schedules); i++) {
        struct sc_settings s;
        struct sc_error err = {0};
        struct sc_schedule_input input;
        start(&s);
        set(&s, "stages", "2");
        set(&s, "schedule", schedules[i]);
        set(&s, "microbatches", "16");
        set(&s, "batch", "128");
        struct sc_plan *plan = must(&s);
        check_shape(plan);
        assert_int_equal(plan->status, SC_SOLVED_OPTIMAL);
        assert_int_equal(plan->chunks, i == 2 ? 2 : 1);
        assert_int_equal(sc_plan_schedule_input(plan, s.schedule, plan->chunks, &input, &err), SC_OK);
        assert_true(fabs(sc_schedule_latency(&input) / plan->objective_s - 1) < 1e-9);
        struct sc_timeline *timeline;
        assert_int_equal(sc_timeline_simulate(&input, NULL, &timeline, &err), SC_OK);
        for (int k = 0; k < plan->stage_count; k++)
            assert_true(fabs(timeline->stages[k].peak_in_flight * plan->chunks - plan->stages[k].in_flight) < 1e-9);
        sc_timeline_free(timeline);
        sc_free((void *)(uintptr_t)input.stages);
        sc_plan_free(plan);
        sc_settings_free(&s);
    }
}

static void pins_reach_all_stages(void **state)
{
    (void)state;
    struct sc_settings s;
    char strategy[64];
    start(&s);
    set(&s, "stages", "2");
    set(&s, "stage-mesh", "0=1x8:2x4");
    set(&s, "stage-mesh", "1=1x8:2x4");
    struct sc_plan *free = must(&s);
    set(&s, "pin", "layer.*.mlp.fc1=b@x f@y");
    struct sc_plan *plan = must(&s);
    check_shape(plan);
    assert_int_equal(plan->pin_count, 1);
    assert_int_equal(plan->pins[0].state, SC_PIN_OBEYED);
    for (int op = 0; op < plan->graph->op_count; op++) {
        bool wanted = sc_glob_match("layer.*.mlp.fc1", plan->graph->ops[op].name);
        sc_plan_op_strategy(plan, op, strategy, sizeof strategy);
        assert_int_equal(plan->pinned[op], wanted);
        if (wanted)
            assert_string_equal(strategy, "b@x f@y");
    }
    assert_true(plan->objective_s >= free->objective_s);
    sc_plan_free(free);
    sc_plan_free(plan);
    sc_settings_free(&s);
}

static void a_file_prices_to_the_same(void **state)
{
    (void)state;
    char path[] = "/tmp/stagecut-test-XXXXXX";
    struct sc_settings s;
    struct sc_str text = {0};
    struct sc_error err = {0};
    struct sc_plan_file *file;
    start(&s);
    set(&s, "stages", "2-5");
    set(&s, "microbatches", "8");
    set(&s, "batch", "64");
    struct sc_plan *plan = must(&s), *again = NULL;
    assert_true(plan->stage_count > 1);
    assert_int_equal(sc_plan_write_json(plan, &text, &err), SC_OK);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text.data, text.length) == (ssize_t)text.length && close(fd) == 0);
    if (sc_plan_file_load(path, &file, &err) != SC_OK)
        fail_msg("%s", err.message);
    struct sc_planner *planner = sc_planner_new(&loader);
    if (sc_plan_file_price(planner, file, sc_plan_file_settings(file), &again, &err) != SC_OK)
        fail_msg("%s", err.message);
    assert_true(again->objective_s == plan->objective_s);
    assert_int_equal(again->stage_count, plan->stage_count);
    for (int i = 0; i < plan->stage_count; i++)
        assert_int_equal(again->stages[i].first_layer, plan->stages[i].first_layer);
    sc_plan_free(again);
    sc_planner_free(planner);
    sc_plan_file_free(file);
    sc_plan_free(plan);
    sc_str_free(&text);
    sc_settings_free(&s);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constraints_are_obeyed),    cmocka_unit_test(wrong_constraints_are_explained),
        cmocka_unit_test(what_cannot_be_is_named),   cmocka_unit_test(pins_reach_all_stages),
        cmocka_unit_test(a_file_prices_to_the_same), cmocka_unit_test(conflicts_are_smallest),
        cmocka_unit_test(schedules_agree),           cmocka_unit_test(differences_keep_the_stages),
        cmocka_unit_test(pins_choose_the_mesh),
    };
    loader = sc_import_loader();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
