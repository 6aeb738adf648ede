// SPDX-License-Identifier: MIT
#pragma once

// What a search for layouts starts from, of programs that are written down.

#include <cstdint>
#include <initializer_list>

#include "layout/survey.hpp"
#include "program.hpp"

namespace drone::layout {

/// Of programs that are recorded one after the other, each as a trace of its own.
inline Survey survey_of(std::initializer_list<const Program*> programs,
                        std::uint32_t base_alignment = 4) {
  Survey survey(base_alignment, Survey::Depth::kWorkload);
  for (const Program* const program : programs) {
    survey.add(program->events());
    survey.end_trace();
  }
  return survey;
}

inline Survey survey_of(const Program& program, std::uint32_t base_alignment = 4) {
  return survey_of({&program}, base_alignment);
}

}  // namespace drone::layout
