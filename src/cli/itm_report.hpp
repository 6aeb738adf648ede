// SPDX-License-Identifier: MIT
#pragma once

// What `drone itm` says on standard error: where a capture comes from, and how it went.

#include <string>

#include "cli/capture.hpp"
#include "cli/environment.hpp"
#include "cli/itm_plan.hpp"
#include "cli/silence.hpp"
#include "cli/trace_watch.hpp"
#include "support/exit_status.hpp"

namespace drone::cli {

/// One line at the start, when a heap is recorded and somebody watches: what is captured from
/// where, and how to end it.
void announce_capture(const ItmPlan& plan, const std::string& source, Environment& environment);

/// The verdict on a capture whose outputs are closed: what each heaptrace file got, what was lost
/// and where, what to do next. Throws the capture's failure, if it had one, once that is said;
/// Error (kInterrupted) or (kInput) when no port carried anything. Returns kCheckFailed when a
/// heap's port carried no heap event (if it carried nothing, its file is as it was, and what
/// `silence` has found is said), or did not come through whole and the plan does not allow that.
/// That a capture began in the middle of a run is no loss.
ExitStatus report_capture(const ItmPlan& plan, const Capture& capture,
                          const RecordingWatcher& recording, const SilenceWatch& silence,
                          bool interrupted, const std::string& end_note, Environment& environment);

}  // namespace drone::cli
