// SPDX-License-Identifier: MIT
#include "layout/quick_replay.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <functional>
#include <set>
#include <utility>

#include "drone/heap/select_pool.hpp"

namespace drone::layout {
namespace {

/// Of one spilled object; those of a set are combined by exclusive or.
std::uint64_t hash_of(std::uint32_t object, std::uint32_t pool) {
  std::uint64_t z = (std::uint64_t{object} << 8 | pool) + 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace

QuickReplay::QuickReplay(const Workload& workload)
    : workload_(workload),
      span_count_((workload.changes().size() + kSpan - 1) / kSpan),
      group_spans_(std::max(kLeastGroup, (span_count_ + kMostGroups - 1) / kMostGroups)),
      group_count_((span_count_ + group_spans_ - 1) / group_spans_),
      kept_(group_count_, kNoRecord),
      spilled_at_(workload.object_count()),
      changes_in_span_(span_count_ + 1) {
  std::set<std::uint32_t, std::greater<>> alignments;
  for (const Workload::Class& each : workload.classes()) alignments.insert(each.alignment);
  for (const std::uint32_t alignment : alignments) {
    std::vector<std::uint32_t> next(workload.sizes().size(), UINT32_MAX);
    for (const Workload::Class& each : workload.classes()) {
      if (each.alignment >= alignment) next[each.size_index] = each.size_index;
    }
    for (std::size_t i = next.size() - 1; i-- != 0;) next[i] = std::min(next[i], next[i + 1]);
    next_aligned_.emplace_back(alignment, std::move(next));
  }
  try_.records = kept_;
  try_.is_fresh.resize(group_count_);
}

std::uint32_t QuickReplay::block(std::uint32_t begin, std::uint32_t end) const {
  const std::vector<std::uint32_t>& sizes = workload_.sizes();
  // Every size is of a class, so that one is found.
  const std::uint32_t alignment =
      std::find_if(next_aligned_.begin(), next_aligned_.end(), [&](const auto& each) {
        return each.second[begin] < end;
      })->first;
  const std::uint32_t block = heap::round_up(sizes[end - 1], alignment);
  return end != sizes.size() && block >= sizes[end] ? 0 : block;
}

const QuickReplay::Table& QuickReplay::table(std::uint32_t begin, std::uint32_t end) {
  std::unique_ptr<Table>& found = tables_[std::uint64_t{begin} << 32 | end];
  if (found != nullptr) return *found;
  found = std::make_unique<Table>();
  const std::vector<Workload::Class>& classes = workload_.classes();
  std::vector<std::uint8_t> belongs(classes.size() + 1);  // the last one: no class
  for (std::size_t i = 0; i != classes.size(); ++i) {
    belongs[i] = classes[i].size_index >= begin && classes[i].size_index < end ? 1 : 0;
  }
  const auto index = [&classes](std::uint16_t class_index) {
    return std::min<std::size_t>(class_index, classes.size());
  };
  const std::vector<Workload::Change>& changes = workload_.changes();
  found->spans.reserve(span_count_);
  found->before.reserve(group_count_);
  std::int32_t live = 0;
  for (std::size_t span = 0; span != span_count_; ++span) {
    if (span % group_spans_ == 0) found->before.push_back(live);
    int now = 0;
    int most = 0;
    const std::size_t last = std::min(changes.size(), (span + 1) * kSpan);
    for (std::size_t i = span * kSpan; i != last; ++i) {
      now += belongs[index(changes[i].to)] - belongs[index(changes[i].from)];
      most = std::max(most, now);
    }
    found->spans.push_back({static_cast<std::int8_t>(most), static_cast<std::int8_t>(now)});
    live += now;
  }
  table_bytes_ += span_count_ * sizeof(Rise);
  steps_ += changes.size() / 8;
  return *found;
}

void QuickReplay::set_pools(const PoolEnds& ends) {
  assert(!ends.empty() && ends.size() <= kMostPools && ends.back() == workload_.sizes().size());
  if (table_bytes_ > kMostTableBytes) {
    // What was kept needs its tables no more than its records.
    tables_.clear();
    table_bytes_ = 0;
    kept_pools_ = {};
    for (std::uint32_t& record : kept_) {
      if (record != kNoRecord) free_records_.push_back(record);
      record = kNoRecord;
    }
  }
  Pools pools;
  pools.ends = ends;
  std::vector<heap::PoolSpec> specs;
  std::uint32_t begin = 0;
  for (const std::uint32_t end : ends) {
    pools.tables.push_back(&table(begin, end));
    specs.push_back({block(begin, end), 1});
    begin = end;
  }
  const std::vector<Workload::Class>& classes = workload_.classes();
  pools.served_by.resize(classes.size());
  std::size_t pool = 0;
  for (std::size_t i = 0; i != classes.size(); ++i) {
    while (classes[i].size_index >= ends[pool]) ++pool;
    pools.served_by[i].home = static_cast<std::uint32_t>(pool);
    for (std::size_t p = pool; p != specs.size(); ++p) {
      if (heap::can_serve(specs[p], classes[i].effective_size, classes[i].alignment)) {
        pools.served_by[i].pools |= std::uint64_t{1} << p;
      }
    }
  }
  try_.pools = std::move(pools);
  // A few hundred classes take less than the replay that follows.
  constexpr std::size_t kFew = 512;
  if (classes.size() > kFew) steps_ += classes.size() * ends.size() / 8;
}

void QuickReplay::begin_try(const PoolEnds& ends) {
  if (try_.pools.ends == ends) return;  // goes on from the records of the try before
  drop_fresh();
  if (kept_pools_.ends == ends) {
    try_.pools = kept_pools_;
    try_.records = kept_;
    return;
  }
  set_pools(ends);
  try_.records.assign(group_count_, kNoRecord);
}

/// Gives up the records of the last try that were not kept.
void QuickReplay::drop_fresh() {
  for (const std::uint32_t group : try_.fresh) {
    free_records_.push_back(try_.records[group]);
    try_.is_fresh[group] = 0;
  }
  try_.fresh.clear();
}

void QuickReplay::keep() {
  for (const std::uint32_t group : try_.fresh) {
    try_.is_fresh[group] = 0;
    if (try_.pools.ends == kept_pools_.ends && kept_[group] != kNoRecord) {
      free_records_.push_back(kept_[group]);
    }
  }
  if (try_.pools.ends != kept_pools_.ends) {
    for (const std::uint32_t record : kept_) {
      if (record != kNoRecord) free_records_.push_back(record);
    }
    kept_pools_ = try_.pools;
  }
  kept_ = try_.records;
  try_.fresh.clear();
}

QuickReplay::Outcome QuickReplay::run(const PoolEnds& ends,
                                      std::span<const std::uint32_t> capacities) {
  begin_try(ends);
  assert(capacities.size() == ends.size());
  std::copy(capacities.begin(), capacities.end(), capacity_.begin());
  used_.fill(0);
  hash_ = 0;

  Outcome outcome;
  bool is_here = true;  // whether used_ and spilled_ are those of the group's beginning
  const auto record_of = [this](std::size_t group) -> const Record* {
    return try_.records[group] == kNoRecord ? nullptr : &records_[try_.records[group]];
  };
  for (std::size_t group = 0; group != group_count_; ++group) {
    const Record* const before = record_of(group);
    const bool begins_so = before != nullptr && before->begin_hash == hash_;
    ++steps_;
    if (begins_so && went_so(*before)) {
      hash_ = before->end_hash;
      is_here = false;
      continue;
    }
    if (!is_here && begins_so) {
      load(group, *before);
    } else if (!is_here) {
      // The group before was passed over, so it has a record that tells how it began.
      const Record& last = *record_of(group - 1);
      Record again;
      load(group - 1, last);
      replay_group(group - 1, again, outcome);
    }
    is_here = true;

    std::uint32_t fresh = 0;
    const bool is_mine = try_.is_fresh[group] != 0;
    if (is_mine) {
      fresh = try_.records[group];
    } else if (free_records_.empty()) {
      fresh = static_cast<std::uint32_t>(records_.size());
      records_.emplace_back();
    } else {
      fresh = free_records_.back();
      free_records_.pop_back();
    }
    Record& record = records_[fresh];
    if (!replay_group(group, record, outcome)) {
      failed_group_ = group;
      failed_record_ = fresh;
      // A record of half a group is of no use to another try.
      if (is_mine) {
        record.begin_hash = ~hash_;
      } else {
        free_records_.push_back(fresh);
      }
      forget_spilled();
      return outcome;
    }
    try_.records[group] = fresh;
    if (is_mine) continue;
    try_.fresh.push_back(static_cast<std::uint32_t>(group));
    try_.is_fresh[group] = 1;
  }
  forget_spilled();
  return outcome;
}

QuickReplay::Failure QuickReplay::failure() {
  const std::size_t n = try_.pools.ends.size();
  Failure failure;
  failure.most.resize(n);
  for (std::size_t group = 0; group <= failed_group_; ++group) {
    const Record& record = records_[group == failed_group_ ? failed_record_ : try_.records[group]];
    failure.refusing |= record.refusing;
    for (std::size_t p = 0; p != n; ++p) {
      failure.most[p] = std::max(failure.most[p], static_cast<std::uint32_t>(record.most[p]));
    }
  }
  steps_ += 1 + failed_group_ / 8;
  return failure;
}

/// Whether a group that begins as in the record would go so with the capacities of the try.
bool QuickReplay::went_so(const Record& record) const {
  const std::size_t n = try_.pools.ends.size();
  for (std::size_t p = 0; p != n; ++p) {
    if (record.most[p] > capacity_[p]) return false;
    // It was asked when all its blocks were in use, and would now have one more.
    if ((record.refusing >> p & 1) != 0 && record.most[p] != capacity_[p]) return false;
  }
  return true;
}

/// Brings the try to the beginning of the group.
void QuickReplay::load(std::size_t group, const Record& record) {
  forget_spilled();
  for (std::size_t p = 0; p != try_.pools.ends.size(); ++p) {
    used_[p] = try_.pools.tables[p]->before[group];
  }
  for (const Spilled& each : record.begin) {
    --used_[each.home];
    ++used_[each.pool];
    spill(each);
  }
}

/// False at a request that fails.
bool QuickReplay::replay_group(std::size_t group, Record& record, Outcome& outcome) {
  const std::size_t n = try_.pools.ends.size();
  record.begin_hash = hash_;
  record.begin = spilled_;
  steps_ += spilled_.size() / 8;
  record.refusing = 0;
  record.most = used_;
  const std::size_t last = std::min(span_count_, (group + 1) * group_spans_);
  for (std::size_t span = group * group_spans_; span != last; ++span) {
    ++steps_;
    const auto is_quiet = [&] {
      if (changes_in_span_[span] != 0) return false;
      for (std::size_t p = 0; p != n; ++p) {
        if (used_[p] + try_.pools.tables[p]->spans[span].most > capacity_[p]) return false;
      }
      return true;
    };
    if (is_quiet()) {
      for (std::size_t p = 0; p != n; ++p) {
        const Rise rise = try_.pools.tables[p]->spans[span];
        record.most[p] = std::max(record.most[p], used_[p] + rise.most);
        used_[p] += rise.change;
      }
    } else {
      steps_ += kSpan / 2;
      if (!replay_span(span, record, outcome)) return false;
    }
  }
  record.end_hash = hash_;
  return true;
}

/// Change by change. False at a request that fails.
bool QuickReplay::replay_span(std::size_t span, Record& record, Outcome& outcome) {
  std::uint64_t free = 0;
  for (std::size_t p = 0; p != try_.pools.ends.size(); ++p) {
    if (used_[p] < capacity_[p]) free |= std::uint64_t{1} << p;
  }
  std::int32_t* const used = used_.data();
  const ServedBy* const served_by = try_.pools.served_by.data();
  const std::uint32_t* const spilled_at = spilled_at_.data();
  const Workload::Change* const changes = workload_.changes().data();
  const std::size_t last = std::min(workload_.changes().size(), (span + 1) * kSpan);
  for (std::size_t i = span * kSpan; i != last; ++i) {
    const Workload::Change change = changes[i];
    std::uint32_t held = kMostPools;
    if (change.from != Workload::kNoClass) {
      held = served_by[change.from].home;
      if (spilled_at[change.object] != 0) {
        held = spilled_[spilled_at[change.object] - 1].pool;
        unspill(change.object);
      }
      if (change.to == Workload::kNoClass) {
        --used[held];
        free |= std::uint64_t{1} << held;
        continue;
      }
    }
    const ServedBy server = served_by[change.to];
    std::uint32_t pool = held;
    if (held == kMostPools || (server.pools >> held & 1) == 0) {
      const std::uint64_t servers = server.pools & free;
      if (servers == 0) {
        record.refusing |= server.pools;
        explain(server, outcome);
        return false;
      }
      pool = static_cast<std::uint32_t>(std::countr_zero(servers));
      const std::int32_t now = ++used[pool];
      record.most[pool] = std::max(record.most[pool], now);
      if (now == capacity_[pool]) free &= ~(std::uint64_t{1} << pool);
      if (held != kMostPools) {
        --used[held];
        free |= std::uint64_t{1} << held;
      }
    }
    if (pool != server.home) {
      record.refusing |= server.pools & ((std::uint64_t{1} << pool) - 1);
      spill({change.object, workload_.next()[i], static_cast<std::uint8_t>(pool),
             static_cast<std::uint8_t>(server.home)});
    }
  }
  return true;
}

/// Why a request fails that is served so.
void QuickReplay::explain(const ServedBy& server, Outcome& outcome) const {
  outcome.runs = false;
  outcome.failed_pool = server.home;
  for (const Spilled& each : spilled_) {
    const bool is_in_the_way = (server.pools >> each.pool & 1) != 0;
    if (is_in_the_way && each.home < server.home)
      outcome.overflowing_pools |= std::uint64_t{1} << each.home;
  }
}

void QuickReplay::spill(const Spilled& spilled) {
  ++steps_;
  spilled_.push_back(spilled);
  spilled_at_[spilled.object] = static_cast<std::uint32_t>(spilled_.size());
  hash_ ^= hash_of(spilled.object, spilled.pool);
  if (spilled.next != Workload::kNever) ++changes_in_span_[spilled.next / kSpan];
}

void QuickReplay::unspill(std::uint32_t object) {
  const std::size_t at = std::exchange(spilled_at_[object], 0) - 1;
  const Spilled& spilled = spilled_[at];
  hash_ ^= hash_of(spilled.object, spilled.pool);
  if (spilled.next != Workload::kNever) --changes_in_span_[spilled.next / kSpan];
  if (at + 1 != spilled_.size()) {
    spilled_[at] = spilled_.back();
    spilled_at_[spilled_[at].object] = static_cast<std::uint32_t>(at + 1);
  }
  spilled_.pop_back();
}

void QuickReplay::forget_spilled() {
  for (const Spilled& each : spilled_) {
    spilled_at_[each.object] = 0;
    if (each.next != Workload::kNever) --changes_in_span_[each.next / kSpan];
  }
  spilled_.clear();
  hash_ = 0;
}

}  // namespace drone::layout
