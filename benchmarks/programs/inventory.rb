# SPDX-License-Identifier: MIT
# A small store: hashes, strings, blocks, sorted reports.

class Item
  attr_reader :name, :tags
  attr_accessor :count

  def initialize(name, count, tags)
    @name = name
    @count = count
    @tags = tags
  end
end

@state = 3
def random(n)
  @state = (@state * 8121 + 28411) % 134456
  @state % n
end

store = {}
journal = []
4000.times do |i|
  key = "part-#{random(180)}"
  item = store[key]
  if item.nil?
    store[key] = Item.new(key, random(20), ["shelf#{random(9)}", "bin#{random(30)}"])
  elsif item.count == 0
    store.delete(key)
  else
    item.count -= 1
  end
  journal << "#{i}: #{key} #{store[key] ? store[key].count : 'gone'}"
  journal.shift if journal.size > 40
  if i % 400 == 0
    report = store.values.group_by { |each| each.tags.first }.map do |shelf, items|
      "#{shelf}=#{items.map(&:count).inject(0) { |a, b| a + b }}"
    end
    journal << report.sort.join(',')
  end
end
puts store.size, journal.last
