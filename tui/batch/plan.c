/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * solve, explain, price, diff and verify.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "batch/run.h"

/* A planner with its loader; ready for one command. */
struct bench {
    struct sc_loader loader;
    struct sc_planner *planner;
};

static enum sc_status bench_open(struct bench *bench, struct sc_error *err)
{
    bench->loader = sc_import_loader();
    bench->planner = sc_planner_new(&bench->loader);
    return bench->planner ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory for a planner");
}

static void bench_close(struct bench *bench)
{
    sc_planner_free(bench->planner);
}

/* A pin that does nothing is refused: the person meant something by it. */
static enum sc_status refuse_dead_pins(const struct sc_plan *plan, struct sc_error *err)
{
    for (int i = 0; i < plan->pin_count; i++) {
        const struct sc_pin_status *pin = &plan->pins[i];
        if (pin->state == SC_PIN_NO_OP) {
            const char *near = NULL;
            const char **names = sc_calloc((size_t)plan->graph->op_count + 1, sizeof *names);
            for (int op = 0; names && op < plan->graph->op_count; op++)
                names[op] = plan->graph->ops[op].name;
            near = names ? sc_nearest(pin->glob, names, (size_t)plan->graph->op_count) : NULL;
            sc_fail(err, SC_USAGE, "--pin %s=%s matches no op of %s%s%s%s", pin->glob, pin->strategy, plan->graph->name,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
            sc_free(names);
            return SC_USAGE;
        }
        if (pin->state == SC_PIN_NO_STRATEGY)
            return sc_fail(err, SC_USAGE, "--pin %s=%s: %s has no such strategy on this mesh; see `stagecut explain`",
                           pin->glob, pin->strategy, pin->example);
    }
    return SC_OK;
}

static int plan_exit(const struct sc_plan *plan)
{
    if (plan->choice)
        return TUI_EXIT_OK;
    return plan->status == SC_SOLVED_INFEASIBLE ? TUI_EXIT_INFEASIBLE : TUI_EXIT_TIMEOUT;
}

/* Makes a plan and says so; 0 or an exit status. */
static int make(struct bench *bench, struct tui_args *args, bool deltas, struct sc_plan **plan)
{
    struct sc_error err = {0};
    struct tui_run run;
    tui_run_begin(&run, &args->settings);
    struct sc_plan_request request = {
        .settings = &args->settings, .deltas = deltas, .cancel = &run.cancel, .progress = run.progress};
    enum sc_status status = sc_planner_make(bench->planner, &request, plan, &err);
    tui_run_end(&run);
    if (status == SC_OK)
        status = refuse_dead_pins(*plan, &err);
    return status == SC_OK ? 0 : tui_report(&err);
}

static int set_model(struct tui_args *args, const char *path)
{
    if (sc_settings_set_model(&args->settings, path))
        return 0;
    return tui_report(&(struct sc_error){.status = SC_NO_MEMORY, .message = "no memory for the settings"});
}

/* No plan: say why on standard error too, as that is where people and scripts look for it. */
static void report_no_plan(const struct sc_plan *plan)
{
    if (plan->choice)
        return;
    if (plan->status != SC_SOLVED_INFEASIBLE) {
        fprintf(stderr, "stagecut: stopped by the time limit with no plan; try a longer --time-limit\n");
        return;
    }
    fprintf(stderr, "stagecut: no plan satisfies the constraints; these cannot hold together:");
    for (int i = 0; i < plan->conflict_count; i++)
        fprintf(stderr, "%s %s", i ? ";" : "", plan->conflicts[i]);
    fprintf(stderr, "\n");
}

static int print_plan(const struct tui_args *args, const struct sc_plan *plan)
{
    struct sc_str text = {0};
    struct sc_error err = {0};
    bool to_file = args->settings.out && *args->settings.out && strcmp(args->settings.out, "-") != 0;
    enum sc_status status = args->settings.json || to_file ? sc_plan_write_json(plan, &text, &err)
                                                           : sc_plan_write_text(plan, false, &text, &err);
    int result = status == SC_OK ? tui_batch_put(&args->settings, &text) : tui_report(&err);
    if (result == TUI_EXIT_OK && to_file && !args->settings.quiet && !args->settings.json) {
        sc_str_clear(&text);
        if (sc_plan_write_text(plan, false, &text, &err) == SC_OK)
            fputs(sc_str_text(&text), stdout);
    }
    sc_str_free(&text);
    if (result == TUI_EXIT_OK)
        report_no_plan(plan);
    return result == TUI_EXIT_OK ? plan_exit(plan) : result;
}

int tui_cmd_solve(struct tui_args *args)
{
    struct bench bench = {0};
    struct sc_error err = {0};
    struct sc_plan *plan = NULL;
    if (args->word_count) {
        int set = set_model(args, args->words[0]);
        if (set)
            return set;
    }
    if (bench_open(&bench, &err) != SC_OK)
        return tui_report(&err);
    int result = make(&bench, args, false, &plan);
    if (result == 0)
        result = print_plan(args, plan);
    sc_plan_free(plan);
    bench_close(&bench);
    return result;
}

/* The op of that name, or the only one that the glob matches. */
static int find_op(const struct sc_graph *graph, const char *name, struct sc_error *err)
{
    int found = sc_graph_find_op(graph, name), matches = 0;
    if (found >= 0)
        return found;
    for (int op = 0; op < graph->op_count; op++)
        if (sc_glob_match(name, graph->ops[op].name) && matches++ == 0)
            found = op;
    if (matches >= 1) /* copies of a block: the first stands for them */
        return found;
    const char **names = sc_calloc((size_t)graph->op_count + 1, sizeof *names);
    for (int op = 0; names && op < graph->op_count; op++)
        names[op] = graph->ops[op].name;
    const char *near = names ? sc_nearest(name, names, (size_t)graph->op_count) : NULL;
    sc_fail(err, SC_USAGE, "%s has no op '%s'%s%s%s", graph->name, name, near ? "; did you mean '" : "",
            near ? near : "", near ? "'?" : "; `stagecut solve` lists them");
    sc_free(names);
    return -1;
}

int tui_cmd_explain(struct tui_args *args)
{
    struct bench bench = {0};
    struct sc_error err = {0};
    struct sc_plan *plan = NULL;
    struct sc_str text = {0};
    int result = set_model(args, args->words[0]);
    if (result)
        return result;
    if (bench_open(&bench, &err) != SC_OK)
        return tui_report(&err);
    result = make(&bench, args, true, &plan);
    if (result == 0) {
        int op = find_op(plan->graph, args->words[1], &err);
        report_no_plan(plan);
        if (op < 0)
            result = tui_report(&err);
        else if (!plan->choice)
            result = plan_exit(plan);
        else {
            struct tui_run run;
            tui_run_begin(&run, &args->settings);
            enum sc_status status = sc_plan_explain(plan, op, args->settings.json, &run.cancel, &text, &err);
            tui_run_end(&run);
            result = status == SC_OK ? tui_batch_put(&args->settings, &text) : tui_report(&err);
        }
    }
    sc_str_free(&text);
    sc_plan_free(plan);
    bench_close(&bench);
    return result;
}

/* Options that were given replace the file's own settings. */
static enum sc_status overlay(struct sc_settings *base, const struct sc_settings *given, struct sc_error *err)
{
    const struct sc_option *option;
    struct sc_str text = {0};
    enum sc_status status = SC_OK;
    for (size_t i = 0; status == SC_OK && (option = sc_option_at(i)); i++) {
        if (option->repeats)
            continue;
        sc_str_clear(&text);
        option->get(given, &text);
        if (text.length)
            status = sc_settings_set(base, option->name, sc_str_text(&text), err);
    }
    for (int i = 0; status == SC_OK && i < given->sets.count; i++)
        status = sc_settings_set(base, "set", given->sets.at[i], err);
    sc_str_free(&text);
    return status;
}

static enum sc_status price_file(struct bench *bench, const char *path, const struct sc_settings *given,
                                 struct sc_plan **plan, double *recorded, struct sc_error *err)
{
    struct sc_plan_file *file;
    struct sc_settings settings;
    enum sc_status status = sc_plan_file_load(path, &file, err);
    if (status != SC_OK)
        return status;
    sc_settings_init(&settings);
    if (!sc_settings_copy(&settings, sc_plan_file_settings(file)))
        status = sc_fail(err, SC_NO_MEMORY, "no memory for the settings");
    if (status == SC_OK && given)
        status = overlay(&settings, given, err);
    if (status == SC_OK)
        status = sc_plan_file_price(bench->planner, file, &settings, plan, err);
    if (recorded)
        *recorded = sc_plan_file_objective(file);
    sc_settings_free(&settings);
    sc_plan_file_free(file);
    return status;
}

int tui_cmd_price(struct tui_args *args)
{
    struct bench bench = {0};
    struct sc_error err = {0};
    struct sc_plan *plan = NULL;
    int result;
    enum sc_status status = bench_open(&bench, &err);
    if (status == SC_OK)
        status = price_file(&bench, args->words[0], &args->settings, &plan, NULL, &err);
    result = status == SC_OK ? print_plan(args, plan) : tui_report(&err);
    sc_plan_free(plan);
    bench_close(&bench);
    return result;
}

int tui_cmd_diff(struct tui_args *args)
{
    struct bench bench = {0};
    struct sc_error err = {0};
    struct sc_plan *plans[2] = {0};
    struct sc_str text = {0};
    enum sc_status status = bench_open(&bench, &err);
    for (int i = 0; status == SC_OK && i < 2; i++) {
        status = price_file(&bench, args->words[i], NULL, &plans[i], NULL, &err);
        if (status == SC_OK && !plans[i]->choice)
            status = sc_fail(&err, SC_INPUT, "%s: its strategies are no plan any more; see `stagecut verify`",
                             args->words[i]);
    }
    if (status == SC_OK)
        status = sc_plan_diff(plans[0], plans[1], args->settings.json, &text, &err);
    int result = status == SC_OK ? tui_batch_put(&args->settings, &text) : tui_report(&err);
    sc_str_free(&text);
    sc_plan_free(plans[0]);
    sc_plan_free(plans[1]);
    bench_close(&bench);
    return result;
}

int tui_cmd_verify(struct tui_args *args)
{
    struct bench bench = {0};
    struct sc_error err = {0};
    struct sc_plan *plan = NULL;
    struct sc_str text = {0};
    double recorded = NAN;
    enum sc_status status = bench_open(&bench, &err);
    if (status == SC_OK)
        status = price_file(&bench, args->words[0], NULL, &plan, &recorded, &err);
    int result;
    if (status != SC_OK) {
        result = tui_report(&err);
    } else {
        bool agrees = plan->choice && fabs(plan->objective_s - recorded) <= 1e-9 * fabs(recorded);
        bool fits = plan->choice && plan->peak_bytes <= plan->costs->memory_bytes;
        struct sc_json_writer w;
        if (args->settings.json) {
            sc_json_begin(&w, &text);
            sc_json_open_object(&w, NULL, true);
            sc_json_put_bool(&w, "verified", agrees && fits);
            sc_json_put_number(&w, "recorded_s", recorded);
            sc_json_put_number(&w, "priced_s", plan->choice ? plan->objective_s : NAN);
            sc_json_put_number(&w, "memory_bytes", plan->peak_bytes);
            sc_json_close(&w);
            sc_str_add(&text, "\n");
        } else if (!plan->choice) {
            sc_str_add(&text, "not verified: the strategies violate the constraints\n");
        } else {
            sc_str_addf(&text, "%s: the plan says %.9g s, the checker %.9g s; memory %.4g of %.4g GiB\n",
                        agrees && fits ? "verified" : "not verified", recorded, plan->objective_s,
                        plan->peak_bytes / 0x1p30, plan->costs->memory_bytes / 0x1p30);
        }
        result = tui_batch_put(&args->settings, &text);
        if (result == TUI_EXIT_OK && !(agrees && fits))
            result = TUI_EXIT_INFEASIBLE;
    }
    sc_str_free(&text);
    sc_plan_free(plan);
    bench_close(&bench);
    return result;
}
