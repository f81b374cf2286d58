/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Signals. A deadly one puts the terminal back as it was, with nothing but write and tcsetattr, and is raised again.
 * The others are noted, and a pipe wakes the event loop, which asks for them when it is ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "term/private.h"

static struct {
    struct termios before;
    char give_back[256]; /* what a terminal must be told to be as it was */
    size_t give_back_size;
    volatile sig_atomic_t armed, noted[TUI_SIGNAL_COUNT], leave;
    int pipe[2];
    char *stack; /* for handlers: a crash may have used the other one up */
} it = {.pipe = {-1, -1}};

static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGQUIT, SIGTRAP, SIGSYS};

static const struct {
    int number;
    enum tui_signal meaning;
} noted[] = {
    {SIGTERM, TUI_SIGNAL_LEAVE},   {SIGHUP, TUI_SIGNAL_LEAVE},   {SIGINT, TUI_SIGNAL_LEAVE},
    {SIGTSTP, TUI_SIGNAL_SUSPEND}, {SIGCONT, TUI_SIGNAL_RESUME}, {SIGWINCH, TUI_SIGNAL_RESIZE},
};

static void restore_now(void)
{
    if (!it.armed)
        return;
    it.armed = 0;
    ssize_t put = write(STDOUT_FILENO, it.give_back, it.give_back_size);
    (void)put;
    tcsetattr(STDIN_FILENO, TCSANOW, &it.before);
}

static void on_deadly(int number)
{
    restore_now();
    signal(number, SIG_DFL);
    raise(number);
}

static void on_noted(int number)
{
    int saved = errno;
    for (size_t i = 0; i < SC_LEN(noted); i++)
        if (noted[i].number == number) {
            it.noted[noted[i].meaning] = 1;
            if (noted[i].meaning == TUI_SIGNAL_LEAVE)
                it.leave = number;
        }
    ssize_t put = write(it.pipe[1], "", 1);
    (void)put; /* a full pipe wakes as well */
    errno = saved;
}

int tui_term_signal_fd(void)
{
    return it.pipe[0];
}

enum tui_signal tui_term_signal(void)
{
    char bytes[64];
    while (it.pipe[0] >= 0 && read(it.pipe[0], bytes, sizeof bytes) > 0)
        ;
    for (int meaning = 1; meaning < TUI_SIGNAL_COUNT; meaning++)
        if (it.noted[meaning]) {
            it.noted[meaning] = 0;
            return (enum tui_signal)meaning;
        }
    return TUI_SIGNAL_NONE;
}

int tui_term_leave_signal(void)
{
    return it.leave;
}

void tui_restore_set(const char *bytes)
{
    size_t size = strlen(bytes);
    it.give_back_size = size < sizeof it.give_back ? size : 0;
    memcpy(it.give_back, bytes, it.give_back_size);
}

void tui_restore_hold(bool hold)
{
    it.armed = !hold;
}

bool tui_restore_arm(void)
{
    struct sigaction action = {.sa_handler = on_deadly, .sa_flags = SA_ONSTACK};
    size_t size = (size_t)sysconf(_SC_SIGSTKSZ) * 2;
    sigemptyset(&action.sa_mask);
    if (tcgetattr(STDIN_FILENO, &it.before) != 0 || pipe2(it.pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    it.stack = sc_alloc(size);
    if (it.stack)
        sigaltstack(&(stack_t){.ss_sp = it.stack, .ss_size = size}, NULL);
    for (size_t i = 0; i < SC_LEN(deadly); i++)
        sigaction(deadly[i], &action, NULL);
    action.sa_handler = on_noted;
    for (size_t i = 0; i < SC_LEN(noted); i++)
        sigaction(noted[i].number, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    it.armed = 1;
    sc_bug_set_hook(restore_now);
    return true;
}

void tui_restore_disarm(void)
{
    it.armed = 0;
    sc_bug_set_hook(NULL);
    for (size_t i = 0; i < SC_LEN(deadly); i++)
        signal(deadly[i], SIG_DFL);
    for (size_t i = 0; i < SC_LEN(noted); i++)
        signal(noted[i].number, SIG_DFL);
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    sc_free(it.stack);
    it.stack = NULL;
    for (int i = 0; i < 2; i++) {
        if (it.pipe[i] >= 0)
            close(it.pipe[i]);
        it.pipe[i] = -1;
    }
}
