"""What tests share: fakes, made-up boards, commands, and Records to plot."""
