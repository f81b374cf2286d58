/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Running a solve in the foreground, and the table of commands.
 */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "batch/run.h"

static struct sc_cancel *_Atomic interrupted;

static void on_interrupt(int signal_number)
{
    struct sc_cancel *cancel = interrupted;
    (void)signal_number;
    if (cancel)
        sc_cancel_request(cancel);
}

/* Prints the progress slot a few times a second until told to stop. */
struct tui_watch {
    pthread_t thread;
    struct sc_progress *progress;
    _Atomic bool stop;
};

static void print_progress(const struct sc_progress_value *value, double elapsed)
{
    char best[32] = "-", bound[32] = "-";
    if (isfinite(value->best))
        snprintf(best, sizeof best, "%.6g", value->best);
    if (isfinite(value->bound))
        snprintf(bound, sizeof bound, "%.6g", value->bound);
    fprintf(stderr, "\r%6.1f s  %-10s best %s  bound %s\033[K", elapsed, value->phase, best, bound);
}

static void *watch_main(void *user)
{
    struct tui_watch *watch = user;
    double started = sc_now();
    bool printed = false;
    while (!watch->stop) {
        struct timespec pause = {0, 50 * 1000 * 1000};
        nanosleep(&pause, NULL);
        double elapsed = sc_now() - started;
        if (elapsed < 0.5 || watch->stop)
            continue;
        struct sc_progress_value value = sc_progress_get(watch->progress);
        print_progress(&value, elapsed);
        printed = true;
    }
    if (printed)
        fputs("\r\033[K", stderr);
    return NULL;
}

void tui_run_begin(struct tui_run *run, const struct sc_settings *settings)
{
    *run = (struct tui_run){.progress = sc_progress_new()};
    sc_cancel_init(&run->cancel, settings->time_limit, 0);
    interrupted = &run->cancel;
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND}; /* a second Ctrl-C ends */
    sigaction(SIGINT, &action, NULL);
    if (settings->quiet || !isatty(STDERR_FILENO) || !run->progress)
        return;
    run->watch = sc_alloc(sizeof *run->watch);
    if (!run->watch)
        return;
    run->watch->progress = run->progress;
    if (pthread_create(&run->watch->thread, NULL, watch_main, run->watch) != 0) {
        sc_free(run->watch);
        run->watch = NULL;
    }
}

void tui_run_end(struct tui_run *run)
{
    signal(SIGINT, SIG_DFL);
    interrupted = NULL;
    if (run->watch) {
        run->watch->stop = true;
        pthread_join(run->watch->thread, NULL);
        sc_free(run->watch);
    }
    sc_progress_free(run->progress);
}

int tui_batch_put(const struct sc_settings *settings, const struct sc_str *text)
{
    struct sc_error err = {0};
    const char *out = settings->out && *settings->out ? settings->out : "-";
    if (text->failed)
        return tui_report(&(struct sc_error){.status = SC_NO_MEMORY, .message = "no memory to write the result"});
    if (sc_file_write(out, sc_str_text(text), text->length, &err) != SC_OK)
        return tui_report(&err);
    return TUI_EXIT_OK;
}

#define PRICE_OPTIONS                                                                                                  \
    "cluster devices mesh batch microbatches seq set memory precision remat formulas uneven no-reduce-scatter "        \
    "no-shard-state no-compute out quiet json"

static const struct tui_batch_command commands[] = {
    {"solve", "MODEL [OPTIONS]", "plan once, print it", 1, 1, NULL, tui_cmd_solve},
    {"explain", "MODEL OP [OPTIONS]", "every candidate of OP with its exact delta, and why", 2, 2, NULL,
     tui_cmd_explain},
    {"problem", "FILE[.gz] [OPTIONS]", "solve a bare cost graph", 1, 1, "solver time-limit gap out quiet json",
     tui_cmd_problem},
    {"stages", "FILE [OPTIONS]", "solve a bare stage problem", 1, 1, "time-limit out quiet json", tui_cmd_stages},
    {"price", "PLAN [OPTIONS]", "price a plan, also on another cluster", 1, 1, PRICE_OPTIONS, tui_cmd_price},
    {"diff", "PLAN PLAN [OPTIONS]", "what differs between two plans", 2, 2, "out quiet json", tui_cmd_diff},
    {"verify", "PLAN", "price a plan again and compare with what it says", 1, 1, "quiet json", tui_cmd_verify},
    {"export", "PLAN --to FORMAT", "a plan for other programs; see `stagecut list formats`", 1, 1, "out quiet",
     tui_cmd_export},
    {"list", "{models,clusters,kinds,formats,solvers,methods}", "what there is to choose from", 1, 1, "json",
     tui_cmd_list},
};

const struct tui_batch_command *tui_batch_command_at(size_t index)
{
    return index < SC_LEN(commands) ? &commands[index] : NULL;
}

int tui_batch_run(struct tui_args *args)
{
    if (args->help)
        tui_print_help();
    else if (args->version)
        tui_print_version();
    else
        return args->command->run(args);
    return TUI_EXIT_OK;
}

int tui_batch_solve(struct tui_args *args)
{
    return tui_cmd_solve(args);
}
