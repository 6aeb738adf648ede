// SPDX-License-Identifier: MIT
#pragma once

namespace drone {

/// What the tools' exit statuses mean; scripts rely on them.
enum class ExitStatus : int {
  kDone = 0,
  kCheckFailed = 1,    ///< a check that the user asked for failed
  kUsage = 2,          ///< the command line is wrong
  kInput = 3,          ///< an input is missing or unusable, or an output cannot be written
  kProbe = 4,          ///< the probe, the target or the transport failed
  kNoLayout = 5,       ///< no layout can do what was asked
  kInterrupted = 130,  ///< interrupted with nothing captured
};

}  // namespace drone
